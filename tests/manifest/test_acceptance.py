"""Histories of manifests and what becomes of them: each rule of acceptance broken in turn."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest

from intake.age import bech32
from intake.age.opening.x25519 import X25519Identity
from intake.errors import (
    ClockSetBack,
    DocumentMalformed,
    IntakeError,
    ManifestRefused,
    NoEpochInForce,
)
from intake.manifest import dsse
from intake.manifest.acceptance import (
    MOST_RECIPIENTS,
    NOTHING_SEEN,
    Seen,
    accept_chain,
    check_admins,
    check_epochs,
    check_next,
    check_signers,
    epoch_in_force,
    verify_chain,
)
from intake.manifest.model import Admin, Epoch, Manifest, Recipient, Role, Root, Signer, SigningKey
from intake.manifest.payload import serialise_manifest
from tests.support.manifests import (
    TODAY,
    History,
    admin,
    epoch,
    manifest,
    public,
    recipient,
    reviewer,
    root,
    sign,
)

A_DAY = dt.timedelta(days=1)
LATER = TODAY + A_DAY * 30
CLASSICAL = str(X25519Identity.generate().recipient())


def accept(
    history: History, pinned: Root, *, today: dt.date = TODAY, seen: Seen = NOTHING_SEEN
) -> Manifest:
    return accept_chain(pinned, history.chain, today=today, seen=seen)


def without(envelope: dsse.Envelope, *keyids: str) -> dsse.Envelope:
    kept = tuple(s for s in envelope.signatures if s.keyid not in keyids)
    return dataclasses.replace(envelope, signatures=kept)


def forged(envelope: dsse.Envelope, keyid: str) -> dsse.Envelope:
    """Return the envelope with one signature that is of the right length, and wrong."""
    return dataclasses.replace(
        envelope,
        signatures=tuple(
            dsse.Signature(s.keyid, bytes([s.sig[0] ^ 1]) + s.sig[1:]) if s.keyid == keyid else s
            for s in envelope.signatures
        ),
    )


FIRST = serialise_manifest(manifest())
SIGNED = sign(FIRST, "a")
A = admin("a").public().key
ED25519, ML_DSA_65 = dsse.ed25519_keyid(A), dsse.ml_dsa_65_keyid(A)


def relabelled(envelope: dsse.Envelope, claims: str) -> dsse.Envelope:
    """Return the envelope with signatures that claim to be another admin's."""
    key = admin(claims).public().key
    keyids = (dsse.ed25519_keyid(key), dsse.ml_dsa_65_keyid(key))
    mine = envelope.signatures[-2:]
    others = tuple(dsse.Signature(k, s.sig) for k, s in zip(keyids, mine, strict=True))
    return dataclasses.replace(envelope, signatures=(*envelope.signatures, *others))


TWO_OF_THREE = {"admins": public("a", "b", "c"), "threshold": 2}


def later(name: str, begins: dt.date) -> Epoch:
    """Return an epoch of one day, with a recipient of its own."""
    ours = (recipient(int(name)),)
    return epoch(id=name, begins=begins, ends=begins + A_DAY, recipients=ours)


# --- histories that are believed -------------------------------------------------------------

BELIEVED: dict[str, tuple[Root, History]] = {
    "the first manifest": (root(), History().then()),
    "eight versions": (root(), History().then().then().then().then().then().then().then().then()),
    "two of three": (
        root("a", "b", "c", threshold=2),
        History().then("a", "c", **TWO_OF_THREE).then("b", "c", **TWO_OF_THREE),
    ),
    "all of three": (
        root("a", "b", "c", threshold=2),
        History().then("a", "b", "c", **TWO_OF_THREE),
    ),
    "an admin is added, signed by the old and the new": (
        root(),
        History().then().then("a", "b", admins=public("a", "b"), threshold=2),
    ),
    "an admin is added below the threshold": (
        root(),
        History().then().then("a", admins=public("a", "b"), threshold=1),
    ),
    "an admin hands over to another": (
        root(),
        History().then().then("a", "b", admins=public("b")).then("b", admins=public("b")),
    ),
    "an admin leaves": (
        root("a", "b", "c", threshold=2),
        History()
        .then("a", "b", **TWO_OF_THREE)
        .then("a", "b", admins=public("a", "b"), threshold=2),
    ),
    "an admin renews the keys": (
        root(),
        History().then().then("a", "a'", admins=public("a'")).then("a'", admins=public("a'")),
    ),
    "the threshold rises": (
        root("a", "b"),
        History().then("a", admins=public("a", "b")).then("a", "b", admins=public("a", "b")),
    ),
    "the first manifest has other admins than the root": (
        root("a", "b", threshold=2),
        History().then("a", "b", "c", admins=public("c")),
    ),
    "a stranger signs as well": (root(), History().then("a", "stranger")),
    "a broken signature stands beside the right ones": (
        root(),
        History().add(
            dataclasses.replace(
                SIGNED,
                signatures=(
                    dsse.Signature(ED25519, b""),
                    dsse.Signature(ML_DSA_65, bytes(3309)),
                    dsse.Signature("", b""),
                    *SIGNED.signatures,
                ),
            )
        ),
    ),
    "an earlier version has expired": (
        root(),
        History().then(expires=TODAY - A_DAY * 100).then(),
    ),
    "on the last day": (root(), History().then(expires=TODAY)),
    "no epochs yet": (root(), History().then(epochs=())),
    "epochs with days between them": (
        root(),
        History().then(
            epochs=(
                epoch(id="1", begins=TODAY, ends=TODAY + A_DAY),
                later("2", TODAY + A_DAY),
                later("3", TODAY + A_DAY * 9),
            )
        ),
    ),
    "a recipient goes on in its epoch": (root(), History().then().then()),
}


@pytest.mark.parametrize("name", BELIEVED)
def test_it_is_believed_when(name: str) -> None:
    pinned, history = BELIEVED[name]
    accepted = accept(history, pinned)
    assert accepted.version == len(history.chain)
    assert accept(history, pinned, seen=history.seen(accepted.version)) == accepted


# --- histories that are refused --------------------------------------------------------------

SIGNATURES: dict[str, tuple[Root, History]] = {
    "not signed": (root(), History().add(sign(FIRST))),
    "signed by a stranger": (root(), History().add(sign(FIRST, "b"))),
    "Ed25519 alone": (root(), History().add(without(SIGNED, ML_DSA_65))),
    "ML-DSA alone": (root(), History().add(without(SIGNED, ED25519))),
    "a forged Ed25519": (root(), History().add(forged(SIGNED, ED25519))),
    "a forged ML-DSA": (root(), History().add(forged(SIGNED, ML_DSA_65))),
    "the two halves of two admins": (
        root("a", "b"),
        History().add(
            without(sign(FIRST, "a", "b"), ED25519, dsse.ml_dsa_65_keyid(admin("b").public().key))
        ),
    ),
    "signatures of another payload": (
        root(),
        History().add(dataclasses.replace(SIGNED, payload=FIRST + b"\n")),
    ),
    "signatures over the bare payload": (
        root(),
        History().add(
            dataclasses.replace(
                sign(FIRST),
                signatures=(
                    dsse.Signature(ED25519, admin("a")._keys()[0].sign(FIRST)),
                    dsse.Signature(ML_DSA_65, admin("a")._keys()[1].sign(FIRST)),
                ),
            )
        ),
    ),
    "another type that was signed": (
        root(),
        History().add(sign(FIRST, "a", kind="application/vnd.intake.bundle+json")),
    ),
    "signatures of another type": (
        root(),
        History().add(
            dataclasses.replace(
                sign(FIRST, "a", kind="application/json"), payload_type=dsse.MANIFEST_TYPE
            )
        ),
    ),
    "a length moved from the payload to the type": (
        root(),
        History().add(dataclasses.replace(SIGNED, payload_type=dsse.MANIFEST_TYPE + " ")),
    ),
    "one of two": (root("a", "b", "c", threshold=2), History().then("a", **TWO_OF_THREE)),
    "one of two, with every signature twice": (
        root("a", "b", "c", threshold=2),
        History().add(
            dataclasses.replace(
                sign(serialise_manifest(manifest(**TWO_OF_THREE)), "a"),
                signatures=sign(serialise_manifest(manifest(**TWO_OF_THREE)), "a").signatures * 2,
            )
        ),
    ),
    "one of two, who claims to be another as well": (
        root("a", "b", "c", threshold=2),
        History().add(relabelled(sign(serialise_manifest(manifest(**TWO_OF_THREE)), "a"), "b")),
    ),
    "one of two and a stranger": (
        root("a", "b", "c", threshold=2),
        History().then("a", "stranger", **TWO_OF_THREE),
    ),
    "the root's threshold is not reached, its own is": (
        root("a", "b", threshold=2),
        History().then("a", admins=public("a", "b"), threshold=1),
    ),
    "new admins without the old": (root(), History().then().then("b", admins=public("b"))),
    "new admins without the threshold of the old": (
        root("a", "b", "c", threshold=2),
        History()
        .then("a", "b", **TWO_OF_THREE)
        .then("a", "d", "e", admins=public("d", "e"), threshold=2),
    ),
    "old admins without the threshold of the new": (
        root(),
        History().then().then("a", "b", admins=public("b", "c"), threshold=2),
    ),
    "the threshold falls, signed by the new threshold alone": (
        root("a", "b", "c", threshold=2),
        History().then("a", "b", **TWO_OF_THREE).then("a", admins=public("a", "b", "c")),
    ),
    "an admin who left signs the next": (
        root(),
        History().then().then("a", "b", admins=public("b")).then("a", admins=public("b")),
    ),
    "an admin of the root, who was replaced at once": (
        root(),
        History().then("a", "b", admins=public("b")).then("a", admins=public("a")),
    ),
    "an unsigned version in the middle": (
        root(),
        History().then().then("stranger").then(),
    ),
}

SUCCESSION: dict[str, tuple[Root, History]] = {
    "no version at all": (root(), History()),
    "it begins with version 2": (root(), History().then(version=2)),
    "it begins with version 0's successor of something": (
        root(),
        History().then(previous="ab" * 32),
    ),
    "a version is missing": (root(), History().then().then(version=3)),
    "a version is there twice": (
        root(),
        History((*History().then().chain, *History().then().chain)),
    ),
    "the order is turned around": (root(), History(History().then().then().chain[::-1])),
    "the first was left out": (root(), History(History().then().then().chain[1:])),
    "another past than the one before": (root(), History().then().then(previous="00" * 32)),
    "no past": (root(), History().then().then(previous=None)),
    "the past of another history": (
        root(),
        History(
            (History().then(expires=TODAY).chain[0], History().then().then().chain[1]),
        ),
    ),
    "a past in capitals": (
        root(),
        History().then().then(previous=History().then().chain[0].digest().upper()),
    ),
    "another organisation": (root(), History().then(organisation="Other")),
    "another organisation later": (root(), History().then().then(organisation="Other")),
}


def also(name: str, key: SigningKey) -> Admin:
    return Admin(name, key, admin(name).admin().recipient)


TWIN = SigningKey(ed25519=A.ed25519, ml_dsa_65=admin("b").public().key.ml_dsa_65)
OTHER_TWIN = SigningKey(ed25519=admin("b").public().key.ed25519, ml_dsa_65=A.ml_dsa_65)

ADMINS: dict[str, tuple[Root, History]] = {
    "more signatures asked for than admins": (root(), History().then(threshold=2)),
    "no admins": (root(), History().then(admins=())),
    "two admins with one key": (
        root(),
        History().then(admins=(admin("a").admin(), also("a twin", A))),
    ),
    "two admins with one Ed25519 key": (
        root(),
        History().then(admins=(admin("a").admin(), also("b", TWIN))),
    ),
    "two admins with one ML-DSA key": (
        root(),
        History().then(admins=(admin("a").admin(), also("b", OTHER_TWIN))),
    ),
    "two admins with one name": (
        root(),
        History().then(admins=(admin("a").admin(), also("a", admin("b").public().key))),
    ),
    "two admins with one recipient for backups": (
        root(),
        History().then(
            admins=(
                admin("a").admin(),
                Admin("b", admin("b").public().key, admin("a").admin().recipient),
            )
        ),
    ),
    "a root that asks for more than it has": (root("a", threshold=2), History().then()),
    "a root with one admin twice": (
        dataclasses.replace(root(), admins=public("a", "a"), threshold=2),
        History().then(),
    ),
}


def named(*recipients: str, role: Role = Role.REVIEWERS) -> tuple[Recipient, ...]:
    return tuple(Recipient("r", role, text) for text in recipients)


PQ = recipient().recipient
#: Post-quantum by name; but its X25519 half is the point of order one, and hides nothing.
LOW_ORDER = bech32.encode("age1pq", bech32.decode(PQ)[1][:-32] + bytes(32))
EPOCHS: dict[str, tuple[Epoch, ...]] = {
    "one id twice": (epoch(), epoch(begins=dt.date(2027, 1, 1), ends=dt.date(2027, 2, 1))),
    "two that overlap by a day": (
        epoch(),
        epoch(id="2026-12", begins=dt.date(2026, 11, 30), ends=dt.date(2027, 1, 1)),
    ),
    "one inside another": (epoch(), epoch(id="day", begins=TODAY, ends=TODAY + A_DAY)),
    "out of order": (
        epoch(id="2026-12", begins=dt.date(2026, 12, 1), ends=dt.date(2027, 1, 1)),
        epoch(),
    ),
    "one that ends as it begins": (epoch(begins=TODAY, ends=TODAY),),
    "one that ends before it begins": (epoch(begins=TODAY, ends=TODAY - A_DAY),),
    "no id": (epoch(id=""),),
    "an id that is a path": (epoch(id="../x"),),
    "an id with an escape": (epoch(id="\x1b[2J"),),
    "an id of two lines": (epoch(id="a\nb"),),
    "an id that ends a line": (epoch(id="2026-11\n"),),
    "an id of other digits": (epoch(id="၂၀၂၆"),),
    "an id that is long": (epoch(id="a" * 65),),
    "a classical recipient": (epoch(recipients=named(CLASSICAL)),),
    "a classical recipient beside a hybrid one": (epoch(recipients=named(PQ, CLASSICAL)),),
    "a classical custodian": (
        epoch(recipients=(recipient(), *named(CLASSICAL, role=Role.CUSTODIANS))),
    ),
    "a recipient that is mistyped": (epoch(recipients=named(PQ[:-1] + "qp"[PQ[-1] == "q"])),),
    "a recipient in capitals": (epoch(recipients=named(PQ.upper())),),
    "a recipient with a space": (epoch(recipients=named(PQ + " ")),),
    "an empty recipient": (epoch(recipients=named("")),),
    "an identity for a recipient": (epoch(recipients=named(reviewer().encode())),),
    "a recipient of low order": (epoch(recipients=named(LOW_ORDER)),),
    "a recipient of low order beside a good one": (epoch(recipients=named(PQ, LOW_ORDER)),),
    "a custodian of low order": (
        epoch(recipients=(recipient(), *named(LOW_ORDER, role=Role.CUSTODIANS))),
    ),
    "one recipient twice": (epoch(recipients=named(PQ, PQ)),),
    "one recipient in both roles": (
        epoch(recipients=(recipient(), recipient(role=Role.CUSTODIANS))),
    ),
    **{
        f"too many {role.value}": (
            epoch(recipients=tuple(recipient(number, role) for number in range(most + 1))),
        )
        for role, most in MOST_RECIPIENTS.items()
    },
}

B = admin("b").public()
SIGNERS: dict[str, dict[str, Any]] = {
    "the server's key is an admin's": {"server": A},
    "the server's Ed25519 half is an admin's": {"server": TWIN},
    "the server's ML-DSA half is an admin's": {"server": OTHER_TWIN},
    "a vault's key is an admin's": {"vaults": (Signer("vault", A),)},
    "half of a vault's key is an admin's": {"vaults": (Signer("vault", TWIN),)},
    "the other half of a vault's key is an admin's": {"vaults": (Signer("vault", OTHER_TWIN),)},
    "a vault's key is the server's": {"server": B.key, "vaults": (B,)},
    "two vaults have one key": {"vaults": (B, Signer("other", B.key))},
    "two vaults share half of a key": {
        "vaults": (
            B,
            Signer("other", SigningKey(B.key.ed25519, admin("c").public().key.ml_dsa_65)),
        )
    },
    "two vaults have one name": {"vaults": (B, Signer("b", admin("c").public().key))},
    "two acknowledgements of no vault": {"acks_required": 2},
    "two acknowledgements of one vault": {"acks_required": 2, "vaults": (B,)},
    "three acknowledgements of two vaults": {
        "acks_required": 3,
        "vaults": (B, admin("c").public()),
    },
}

REFUSED = {
    **{f"signers: {name}": (root(), History().then(**given)) for name, given in SIGNERS.items()},
    **{f"signatures: {name}": given for name, given in SIGNATURES.items()},
    **{f"succession: {name}": given for name, given in SUCCESSION.items()},
    **{f"admins: {name}": given for name, given in ADMINS.items()},
    **{
        f"epochs: {name}": (root(), History().then(epochs=epochs))
        for name, epochs in EPOCHS.items()
    },
}


REASONS = {
    "signatures": "signed by too few|something else that was signed",
    "succession": "is empty|version is missing|does not follow|another organisation",
    "admins": "more signatures than|share a key or a name|share the recipient",
    "epochs": "epoch",
    "signers": "one key to two signers|vaults of the manifest share a name|more acknowledgements",
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_when(name: str) -> None:
    pinned, history = REFUSED[name]
    with pytest.raises(ManifestRefused, match=REASONS[name.split(":", maxsplit=1)[0]]):
        accept(history, pinned)


@pytest.mark.parametrize("name", [name for name in REFUSED if REFUSED[name][1].chain])
def test_nothing_that_follows_makes_a_refused_history_good(name: str) -> None:
    pinned, history = REFUSED[name]
    with pytest.raises(IntakeError):
        accept(history.then("a", admins=public("a"), threshold=1), pinned)


@pytest.mark.parametrize("name", EPOCHS)
def test_the_same_epochs_are_refused_before_anybody_signs_them(name: str) -> None:
    with pytest.raises(ManifestRefused):
        check_epochs(EPOCHS[name])


@pytest.mark.parametrize("name", SIGNERS)
def test_the_same_signers_are_refused_before_anybody_signs_them(name: str) -> None:
    with pytest.raises(ManifestRefused, match=REASONS["signers"]):
        check_signers(manifest(**SIGNERS[name]))


@pytest.mark.parametrize(
    "given",
    [
        {"server": B.key},
        {"vaults": (B,)},
        {"vaults": public("b", "c"), "acks_required": 2},
        {"vaults": public("b", "c"), "server": admin("d").public().key},
        # A vault may have an admin's name: they are people, and some are both.
        {"vaults": (Signer("a", B.key),)},
    ],
)
def test_signers_who_share_nothing_are_accepted(given: dict[str, Any]) -> None:
    check_signers(manifest(**given))
    accept(History().then(**given), root())


# --- before anybody has signed -------------------------------------------------------------------

PUBLISHED = History().then()
PAST = PUBLISHED.chain[0].digest()

NEXT: dict[str, dict[str, Any]] = {
    "the version again": {"version": 1, "previous": None},
    "a version too far": {"version": 3, "previous": PAST},
    "no past": {"version": 2, "previous": None},
    "another past": {"version": 2, "previous": "00" * 32},
    "another organisation": {"version": 2, "previous": PAST, "organisation": "Other"},
    "no admins": {"version": 2, "previous": PAST, "admins": ()},
    "a threshold out of reach": {"version": 2, "previous": PAST, "threshold": 2},
    "one key for two": {"version": 2, "previous": PAST, "server": A},
    "a vault's key for two": {"version": 2, "previous": PAST, "vaults": (Signer("vault", A),)},
    "two vaults of one name": {
        "version": 2,
        "previous": PAST,
        "vaults": (B, Signer(B.name, admin("c").public().key)),
    },
    "an epoch's recipient that is an admin's": {
        "version": 2,
        "previous": PAST,
        "epochs": (epoch(recipients=named(admin("a").admin().recipient)),),
    },
    "two admins who open each other's backups": {
        "version": 2,
        "previous": PAST,
        "admins": (*public("a"), Admin("b", B.key, public("a")[0].recipient)),
    },
    "acknowledgements of nobody": {"version": 2, "previous": PAST, "acks_required": 2},
    "epochs that overlap": {"version": 2, "previous": PAST, "epochs": (epoch(), epoch(id="x"))},
    "a classical recipient": {
        "version": 2,
        "previous": PAST,
        "epochs": EPOCHS["a classical recipient"],
    },
}


def test_the_next_version_is_good_to_sign() -> None:
    check_next(root(), (), manifest())
    check_next(root(), PUBLISHED.chain, manifest(version=2, previous=PAST))


@pytest.mark.parametrize("name", NEXT)
def test_what_would_be_refused_however_many_signed_it_is_refused_before(name: str) -> None:
    with pytest.raises(ManifestRefused):
        check_next(root(), PUBLISHED.chain, manifest(**NEXT[name]))
    with pytest.raises(ManifestRefused):
        accept(PUBLISHED.then("a", **NEXT[name]), root())


def test_exactly_as_many_recipients_as_fit_are_accepted() -> None:
    recipients = tuple(
        recipient(number + 100 * list(Role).index(role), role)
        for role, most in MOST_RECIPIENTS.items()
        for number in range(most)
    )
    accept(History().then(epochs=(epoch(recipients=recipients),)), root())


def test_nothing_is_parsed_before_it_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []

    def parse(payload: bytes) -> Manifest:
        parsed.append(payload)
        return manifest()

    monkeypatch.setattr("intake.manifest.acceptance.parse_manifest", parse)
    for envelope in (sign(b"{"), sign(b"{", "b"), forged(sign(b"{", "a"), ED25519)):
        with pytest.raises(ManifestRefused):
            accept(History().add(envelope), root())
    assert parsed == []
    accept(History().add(SIGNED), root())
    assert parsed == [FIRST]


def test_what_is_signed_but_no_manifest_is_refused() -> None:
    for payload in (
        b"",
        b"{}",
        b"null",
        FIRST[:-3],
        FIRST.replace(b'"version": 1', b'"version": 1.0'),
    ):
        with pytest.raises(DocumentMalformed):
            accept(History().add(sign(payload, "a")), root())


def test_a_recipient_is_of_one_epoch_in_all_versions() -> None:
    """Its key is destroyed when that epoch is over: the other would be closed for good with it."""
    again = epoch(id="later", begins=LATER, ends=dt.date.max)
    first = History().then()
    for history in (History().then(epochs=(epoch(), again)), first.then(epochs=(again,))):
        with pytest.raises(ManifestRefused, match="2026-11 and later name one recipient"):
            accept(history, root())


# --- time and what was seen before -----------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "version_seen", "believed"),
    [
        (TODAY, 0, True),
        (TODAY, 1, True),
        (TODAY, 2, True),
        (TODAY, 3, False),
        (TODAY + A_DAY * 399, 2, True),
        (TODAY + A_DAY * 400, 2, True),
        (TODAY + A_DAY * 401, 2, False),
        (TODAY + A_DAY * 401, 0, False),
        (TODAY + A_DAY * 4000, 0, False),
    ],
)
def test_not_expired_and_never_older_than_what_was_seen(
    today: dt.date,
    version_seen: int,
    believed: bool,  # noqa: FBT001  # a column of the table
) -> None:
    history = History().then().then()
    seen = history.seen(version_seen)
    if believed:
        assert accept(history, root(), today=today, seen=seen).version == 2
    else:
        with pytest.raises(ManifestRefused):
            accept(history, root(), today=today, seen=seen)


@pytest.mark.parametrize(
    ("days", "believed"), [(-400, True), (-1, True), (0, True), (1, False), (30, False)]
)
def test_a_clock_set_back_past_a_day_that_was_seen_is_refused(
    days: int,
    believed: bool,  # noqa: FBT001  # a column of the table
) -> None:
    seen = History().then().seen(1, day=TODAY + A_DAY * days)
    if believed:
        accept(History().then(), root(), seen=dataclasses.replace(seen, version=0))
    else:
        with pytest.raises(ClockSetBack, match="reset-day"):
            accept(History().then(), root(), seen=dataclasses.replace(seen, version=0))


def test_a_second_history_is_refused_however_long_it_is() -> None:
    first = History().then().then()
    other = History(first.chain[:1]).then(revocations=("2026-11",))
    for version in (1, 2):
        for longer in (first, first.then(), first.then().then()):
            accept(longer, root(), seen=first.seen(version))
    accept(other, root(), seen=first.seen(1))
    for fork in (other, other.then(), other.then().then()):
        with pytest.raises(ManifestRefused, match="Another version 2"):
            accept(fork, root(), seen=first.seen(2))


def test_a_rollback_is_refused_whatever_version_it_goes_back_to() -> None:
    history = History().then().then().then()
    assert accept(history, root(), seen=history.seen(3)).version == 3
    for length in (1, 2):
        with pytest.raises(ManifestRefused, match="3"):
            accept(History(history.chain[:length]), root(), seen=history.seen(3))


def test_an_expired_chain_can_still_be_verified_to_be_renewed() -> None:
    history = History().then(expires=TODAY - A_DAY)
    with pytest.raises(ManifestRefused):
        accept(history, root())
    assert verify_chain(root(), history.chain).version == 1
    assert accept(history.then(), root()).version == 2


def test_thresholds_are_at_least_one() -> None:
    for threshold in (-1, 0):
        with pytest.raises(ManifestRefused):
            check_admins(public("a"), threshold)


# --- the epoch in force ----------------------------------------------------------------------

DECEMBER = epoch(id="2026-12", begins=dt.date(2026, 12, 1), ends=dt.date(2027, 1, 1))


@pytest.mark.parametrize(
    ("day", "in_force"),
    [
        (dt.date(2026, 10, 31), None),
        (dt.date(2026, 11, 1), "2026-11"),
        (dt.date(2026, 11, 30), "2026-11"),
        (dt.date(2026, 12, 1), "2026-12"),
        (dt.date(2026, 12, 31), "2026-12"),
        (dt.date(2027, 1, 1), None),
    ],
)
def test_the_epoch_in_force_is_the_one_the_day_is_in(day: dt.date, in_force: str | None) -> None:
    known = manifest(epochs=(epoch(), DECEMBER))
    if in_force is None:
        with pytest.raises(NoEpochInForce):
            epoch_in_force(known, day)
    else:
        assert epoch_in_force(known, day).id == in_force


BOTH = epoch(recipients=(recipient(0), recipient(1), recipient(2, Role.CUSTODIANS)))


@pytest.mark.parametrize(
    ("revoked", "reviewers", "custodians"),
    [
        ((), [0, 1], [2]),
        (("2026-12", "nobody"), [0, 1], [2]),
        ((recipient(0).recipient,), [1], [2]),
        ((recipient(2).recipient,), [0, 1], []),
        ((recipient(0).recipient, recipient(1).recipient), [], [2]),
        (("2026-11",), [], []),
    ],
)
def test_what_is_revoked_is_sealed_to_no_more(
    revoked: tuple[str, ...], reviewers: list[int], custodians: list[int]
) -> None:
    known = manifest(epochs=(BOTH,), revocations=revoked)
    for role, numbers in ((Role.REVIEWERS, reviewers), (Role.CUSTODIANS, custodians)):
        expected = [recipient(number).recipient for number in numbers]
        assert [r.recipient for r in known.recipients_on(TODAY, role)] == expected
    if reviewers:
        assert epoch_in_force(known, TODAY) == BOTH
    else:
        with pytest.raises(NoEpochInForce):
            epoch_in_force(known, TODAY)


def test_an_epoch_without_reviewers_is_not_in_force() -> None:
    for recipients in ((), (recipient(role=Role.CUSTODIANS),)):
        with pytest.raises(NoEpochInForce):
            epoch_in_force(manifest(epochs=(epoch(recipients=recipients),)), TODAY)
