from __future__ import annotations

import pytest

from intake.age import base64, bech32
from intake.age.header import Stanza
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.identity import Identity, parse_identity
from intake.age.opening.keyfile import parse_identities, serialise_identities
from intake.age.opening.passphrase import PassphraseIdentity
from intake.age.opening.x25519 import X25519Identity
from intake.age.sealing.passphrase import PassphraseRecipient
from intake.errors import HeaderBroken, KeyMalformed, WrongPassphrase
from intake.secret import Secret

FILE_KEY = Secret(b"YELLOW SUBMARINE")
HYBRID = HybridIdentity.generate()
CLASSICAL = X25519Identity.generate()
PASSPHRASE = PassphraseIdentity(Secret(b"demo"), max_work_factor=12)
HYBRID_STANZA = HYBRID.recipient().wrap(FILE_KEY)[0]
CLASSICAL_STANZA = CLASSICAL.recipient().wrap(FILE_KEY)[0]
PASSPHRASE_STANZA = PassphraseRecipient(Secret(b"demo"), 2).wrap(FILE_KEY)[0]
SHARE = CLASSICAL_STANZA.args[0]
ENC = base64.decode(HYBRID_STANZA.args[0])
SALT = PASSPHRASE_STANZA.args[0]
BODY = bytes(32)


@pytest.mark.parametrize("identity", [HYBRID, CLASSICAL])
def test_text_round_trip(identity: HybridIdentity | X25519Identity) -> None:
    assert parse_identity(identity.encode()) == identity
    assert identity.encode() not in repr(identity)


def test_published_keys() -> None:
    # From C2SP's CCTV: the identity of its X25519 vectors, and its file key's recipient.
    text = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"
    identity = parse_identity(text)
    assert isinstance(identity, X25519Identity)
    assert identity.encode() == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AGE-SECRET-KEY-1",
        CLASSICAL.encode().lower(),
        HYBRID.encode().lower(),
        CLASSICAL.encode()[:-1],
        HYBRID.encode() + " ",
        str(CLASSICAL.recipient()),
        bech32.encode("age-secret-key-", bytes(31)).upper(),
        bech32.encode("age-secret-key-pq-", bytes(33)).upper(),
        bech32.encode("age-plugin-x-", bytes(32)).upper(),
    ],
)
def test_what_is_no_identity(text: str) -> None:
    with pytest.raises(KeyMalformed) as refused:
        parse_identity(text)
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize(
    ("identity", "stanza"),
    [
        (HYBRID, HYBRID_STANZA),
        (CLASSICAL, CLASSICAL_STANZA),
        (PASSPHRASE, PASSPHRASE_STANZA),
    ],
)
def test_wrap_and_unwrap(identity: Identity, stanza: Stanza) -> None:
    assert identity.unwrap([stanza]) == FILE_KEY
    other = Stanza("example.com/other", ("any",), b"thing")
    assert identity.unwrap([other]) is None
    if identity is not PASSPHRASE:
        assert identity.unwrap([other, stanza]) == FILE_KEY


@pytest.mark.parametrize(
    ("identity", "stanza"),
    [
        (HybridIdentity.generate(), HYBRID_STANZA),
        (X25519Identity.generate(), CLASSICAL_STANZA),
        (HYBRID, Stanza("mlkem768x25519", HYBRID_STANZA.args, BODY)),
        (CLASSICAL, Stanza("X25519", CLASSICAL_STANZA.args, BODY)),
        (HYBRID, CLASSICAL_STANZA),
        (CLASSICAL, HYBRID_STANZA),
        (PASSPHRASE, HYBRID_STANZA),
        (HYBRID, PASSPHRASE_STANZA),
    ],
)
def test_not_for_me_is_no_error(identity: Identity, stanza: Stanza) -> None:
    assert identity.unwrap([stanza]) is None


def x25519(*args: str, body: bytes = BODY) -> Stanza:
    return Stanza("X25519", args, body)


def hybrid(*args: str, body: bytes = BODY) -> Stanza:
    return Stanza("mlkem768x25519", args, body)


def scrypt(*args: str, body: bytes = BODY) -> Stanza:
    return Stanza("scrypt", args, body)


def b64(data: bytes) -> str:
    return base64.encode(data)


LOW_ORDER = bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")


@pytest.mark.parametrize(
    ("identity", "stanza"),
    [
        (CLASSICAL, x25519()),
        (CLASSICAL, x25519(SHARE, "extra")),
        (CLASSICAL, x25519("")),
        (CLASSICAL, x25519(SHARE[:-1])),
        (CLASSICAL, x25519(SHARE + "=")),
        (CLASSICAL, x25519(b64(bytes(range(31))))),
        (CLASSICAL, x25519(b64(bytes(range(33))))),
        (CLASSICAL, x25519(b64(bytes(32)))),
        (CLASSICAL, x25519(b64(LOW_ORDER))),
        (CLASSICAL, x25519(SHARE, body=b"")),
        (CLASSICAL, x25519(SHARE, body=bytes(31))),
        (CLASSICAL, x25519(SHARE, body=bytes(33))),
        (HYBRID, hybrid()),
        (HYBRID, hybrid(b64(ENC), "extra")),
        (HYBRID, hybrid(b64(ENC[:-1]))),
        (HYBRID, hybrid(b64(ENC + b"\x00"))),
        (HYBRID, hybrid(b64(ENC) + "==")),
        (HYBRID, hybrid(b64(ENC[:-32] + bytes(32)))),
        (HYBRID, hybrid(b64(ENC[:-32] + LOW_ORDER))),
        (HYBRID, hybrid(b64(ENC), body=bytes(31))),
        (HYBRID, hybrid(b64(ENC), body=bytes(48))),
        (PASSPHRASE, scrypt()),
        (PASSPHRASE, scrypt(SALT)),
        (PASSPHRASE, scrypt(SALT, "2", "3")),
        (PASSPHRASE, scrypt(SALT[:-1], "2")),
        (PASSPHRASE, scrypt(b64(bytes(15)), "2")),
        (PASSPHRASE, scrypt(b64(bytes(17)), "2")),
        (PASSPHRASE, scrypt(SALT, "2", body=bytes(31))),
        *((PASSPHRASE, scrypt(SALT, work)) for work in ["0", "02", "+2", "-2", "2.", "0x2", "2e1"]),
        *((PASSPHRASE, scrypt(SALT, work)) for work in ["13", "64", "99", "100", "9" * 4000]),
    ],
)
def test_a_malformed_stanza_of_ours_is_an_error(identity: Identity, stanza: Stanza) -> None:
    with pytest.raises(HeaderBroken):
        identity.unwrap([stanza])


def test_a_passphrase_stands_alone() -> None:
    with pytest.raises(HeaderBroken):
        PASSPHRASE.unwrap([PASSPHRASE_STANZA, PASSPHRASE_STANZA])
    with pytest.raises(HeaderBroken):
        PASSPHRASE.unwrap([CLASSICAL_STANZA, PASSPHRASE_STANZA])
    with pytest.raises(WrongPassphrase):
        PassphraseIdentity(Secret(b"wrong")).unwrap([PASSPHRASE_STANZA])


def test_key_files_round_trip() -> None:
    text = serialise_identities([HYBRID, CLASSICAL], comments=["epoch 2026-11", ""])
    assert parse_identities(text) == (HYBRID, CLASSICAL)
    assert parse_identities(text.replace("\n", "\r\n") + "\n\n") == (HYBRID, CLASSICAL)
    assert f"# public key: {HYBRID.recipient()}\n{HYBRID.encode()}\n" in text


@pytest.mark.parametrize("comment", ["a\nAGE-SECRET-KEY-1", "a\rb"])
def test_comments_stay_comments(comment: str) -> None:
    with pytest.raises(KeyMalformed):
        serialise_identities([HYBRID], comments=[comment])


@pytest.mark.parametrize(
    "text",
    ["", "# nothing\n", "words", f"{CLASSICAL.encode()}x", f"{HYBRID.encode()} {HYBRID.encode()}"],
)
def test_what_is_no_key_file(text: str) -> None:
    with pytest.raises(KeyMalformed):
        parse_identities(text)


def test_the_line_is_named_and_not_quoted() -> None:
    text = f"# one\n{HYBRID.encode()}\n{CLASSICAL.encode()[:-1]}\n"
    with pytest.raises(KeyMalformed, match="Line 3") as refused:
        parse_identities(text)
    assert CLASSICAL.encode()[20:40] not in str(refused.value)
