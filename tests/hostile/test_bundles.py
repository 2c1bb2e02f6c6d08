"""Threats 7, 17 to 20, 22 and 24 where they meet bundles and vaults: whoever wrote the stick, or
sealed what is on it, may be the attacker; and a stick may be pulled out at any moment."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import io
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intake.age.header import MAX_STANZAS, Stanza, parse_header
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.age.sealing.passphrase import PassphraseRecipient
from intake.age.sealing.seal import seal_bytes
from intake.courier.bundle import BUNDLE_TYPE, LISTING, MANIFEST, ROOT, SUBMISSIONS
from intake.envelope.account import Kind
from intake.errors import AgeError, BundleBroken, IntakeError
from intake.manifest import dsse
from intake.manifest.signing import SigningIdentity
from intake.offline import trust
from intake.offline.catalogue import Status
from intake.offline.inbox import ImportReport, import_bundle
from intake.offline.mailboxes import withdrawals
from intake.offline.returning import write_return
from intake.offline.vault import Vault
from intake.secret import Secret
from tests.support.manifests import History, public, root
from tests.support.submissions import ACCOUNT, EPOCH, LATER, Stick, seal
from tests.support.vaults import (
    PASSPHRASE,
    SERVER,
    Done,
    Program,
    environment,
    history_of,
    make_vault,
    review,
)

VERSION = b"age-encryption.org/v1\n"
MAC = b"--- " + b"A" * 43 + b"\n"


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return make_vault(tmp_path / "vault")


@pytest.fixture
def program(tmp_path: Path) -> Program:
    passphrase = tmp_path / "passphrase"
    passphrase.write_bytes(PASSPHRASE.reveal())
    return review(tmp_path / "vault", passphrase)


def mine(vault: Vault) -> list[Any]:
    return [vault.keys.epochs[EPOCH].recipient()]


def take(vault: Vault, folder: Path) -> ImportReport:
    return import_bundle(vault, folder, lambda _count: None, LATER)


def unlocked(vault: Vault) -> Vault:
    return Vault.unlock(vault.submissions_folder.parent, PASSPHRASE)


# --- 17: any age file at all -----------------------------------------------------------------


def stanza() -> bytes:
    return bytes(HybridIdentity.generate().recipient().wrap(Secret(bytes(16)))[0])


def passphrase_sealed(_vault: Vault) -> bytes:
    return seal_bytes(b"x", [PassphraseRecipient(PASSPHRASE, 10)])


AGE_FILES: dict[str, Callable[[Vault], bytes]] = {
    "nothing but zeros": lambda _vault: bytes(1000),
    "a zip": lambda _vault: b"PK\x03\x04" + bytes(1000),
    "a version from the future": lambda _vault: b"age-encryption.org/v2\n" + bytes(1000),
    "a header without an end": lambda _vault: VERSION + b"-> a\n" + (b"A" * 64 + b"\n") * 50_000,
    "thousands of stanzas": lambda _vault: VERSION + b"-> a\n\n" * 5000 + MAC + bytes(100),
    "as many of our stanzas as are read": lambda _vault: (
        VERSION + stanza() * min(MAX_STANZAS, 600) + MAC + bytes(100)
    ),
    "a work factor that hangs": lambda _vault: (
        VERSION + b"-> scrypt " + b"A" * 22 + b" 63\n" + b"A" * 43 + b"\n" + MAC + bytes(100)
    ),
    "our vault's own passphrase": passphrase_sealed,
    "armored": lambda vault: (
        b"-----BEGIN AGE ENCRYPTED FILE-----\n"
        + base64.encodebytes(seal(mine(vault)))
        + b"-----END AGE ENCRYPTED FILE-----\n"
    ),
    "a stanza added to one of ours": lambda vault: seal(mine(vault)).replace(
        b"---", bytes(Stanza("x", (), b"")) + b"---", 1
    ),
    "sealed to the vault and not to an epoch": lambda vault: seal([vault.keys.vault.recipient()]),
}


@pytest.mark.parametrize("name", AGE_FILES)
def test_no_age_file_hangs_an_import_or_gets_in(name: str, vault: Vault, tmp_path: Path) -> None:
    good = seal(mine(vault))
    stick = Stick.make(tmp_path / "stick", AGE_FILES[name](vault), good)
    began = time.monotonic()
    report = take(vault, stick.folder)
    assert time.monotonic() - began < 10
    assert report.imported == (stick.submissions[1].id,)
    assert report.refused[0][0] == stick.submissions[0].id
    assert [path.name for path in vault.submissions_folder.iterdir()] == [
        f"{stick.submissions[1].id}.age"
    ]


def cut(size: int) -> Callable[[bytes], bytes]:
    return lambda sealed: sealed[:-size]


def spliced(sealed: bytes) -> bytes:
    """Swap two chunks of 64 KiB and their tags."""
    source = io.BytesIO(sealed)
    parse_header(source)
    start, chunk = source.tell() + 16, 65_536 + 16
    one, two = sealed[start : start + chunk], sealed[start + chunk : start + 2 * chunk]
    return sealed[:start] + two + one + sealed[start + 2 * chunk :]


PAYLOADS: dict[str, Callable[[bytes], bytes]] = {
    "cut by a byte": cut(1),
    "cut by a chunk": cut(65_552),
    "cut to its header": lambda sealed: sealed[:2000],
    "a byte appended": lambda sealed: sealed + b"\x00",
    "two chunks swapped": spliced,
    "a bit of the zip's directory": lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]),
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_that_was_broken_before_it_was_listed_is_kept_and_never_read_as_whole(
    name: str, vault: Vault, tmp_path: Path, program: Program
) -> None:
    """The hash is right, so it is evidence of what the server held; but nothing reads it."""
    stick = Stick.make(tmp_path / "stick", PAYLOADS[name](seal(mine(vault), ACCOUNT * 900)))
    assert set(take(vault, stick.folder).imported) == stick.ids()
    found = stick.submissions[0].id
    assert vault.entries()[found].received_sha256 == stick.submissions[0].sha256
    if name != "two chunks swapped":  # found out when the account is read
        assert vault.entries()[found].status is Status.DAMAGED
    for arguments in (("show", found), ("extract", found, str(tmp_path / "out"))):
        program.fails(*arguments)
    assert not (tmp_path / "out").exists()


# --- 18 and 24: envelopes of the attacker's own making ---------------------------------------


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


ENVELOPES = {
    "nothing": b"",
    "no zip": b"words",
    "an empty zip": zipped(),
    "a path upwards": zipped(("../../../../tmp/intake-was-here", b"x")),
    "an absolute path": zipped(("/tmp/intake-was-here", b"x")),  # noqa: S108  # an attack, not a use
    "a bomb": zipped(("account.txt", bytes(50_000_000)), method=zipfile.ZIP_DEFLATED),
    "an age file in an age file": seal([HybridIdentity.generate().recipient()]),
}


@pytest.mark.parametrize("name", ENVELOPES)
def test_what_is_no_envelope_of_ours_is_listed_as_damaged_and_not_unpacked(
    name: str, vault: Vault, tmp_path: Path, program: Program
) -> None:
    sealed = seal_bytes(ENVELOPES[name], mine(vault))
    stick = Stick.make(tmp_path / "stick", sealed, seal(mine(vault)))
    assert set(take(vault, stick.folder).imported) == stick.ids()
    found = stick.submissions[0].id
    assert vault.entries()[found].status is Status.DAMAGED
    program.fails("extract", found, tmp_path / "out")
    program.fails("show", found, "--json")
    assert not (tmp_path / "out").exists()
    assert not Path("/tmp/intake-was-here").exists()  # noqa: S108  # likewise
    program.well("show", stick.submissions[1].id)


@pytest.mark.parametrize("account", ["", "က" * 100_000, "x" * 100_000, "\u202e" * 1000])
def test_accounts_that_are_empty_or_without_a_space_are_read(
    account: str, vault: Vault, tmp_path: Path, program: Program
) -> None:
    stick = Stick.make(tmp_path / "stick", seal(mine(vault), account))
    take(vault, stick.folder)
    found = stick.submissions[0].id
    assert json.loads(program.well("show", found, "--json"))["account"] == account
    program.well("show", found)


# --- 20: terminal escapes --------------------------------------------------------------------

ESCAPES = "\x1b[2J\x1b]0;title\x07\x9b31m\r\x08\x7f\u202e"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def test_no_escape_reaches_the_terminal_from_an_account(
    vault: Vault, tmp_path: Path, program: Program
) -> None:
    files = [(f"photo{ESCAPES}.jpg", b"x")]
    sealed = seal(mine(vault), f"I saw {ESCAPES} it.", files)
    stick = Stick.make(tmp_path / "stick", sealed)
    program.well("import", stick.folder)
    found = stick.submissions[0].id
    for arguments in (("list",), ("show", found), ("extract", found, str(tmp_path / "out"))):
        done = program(*arguments)
        assert done.status == 0
        assert not _CONTROL.search(done.out + done.err)


def listing(stick: Stick, change: Callable[[dict[str, Any]], object]) -> None:
    """Write a listing with anything at all in its payload."""
    path = stick.folder / LISTING
    payload = json.loads(base64.b64decode(json.loads(path.read_bytes())["payload"]))
    change(payload)
    envelope = dsse.Envelope(BUNDLE_TYPE, json.dumps(payload).encode(), ())
    path.write_bytes(dsse.envelope_bytes(envelope))


LISTINGS: dict[str, Callable[[dict[str, Any]], object]] = {
    "escapes in an epoch": lambda p: p["submissions"][0].update(epoch=ESCAPES),
    "escapes in an id": lambda p: p["submissions"][0].update(id=ESCAPES),
    "escapes in a field's name": lambda p: p.update({ESCAPES: 1}),
    "escapes in the format": lambda p: p.update(format=ESCAPES),
    "escapes in a closed epoch": lambda p: p.update(closed_epochs=[ESCAPES]),
    "half a surrogate pair": lambda p: p["submissions"][0].update(epoch="\ud800"),
    "a path for an id": lambda p: p["submissions"][0].update(id="../../../etc/shadow"),
    "one id twice": lambda p: p.update(submissions=p["submissions"] * 2),
    "a size beyond any disk": lambda p: p["submissions"][0].update(size=10**30),
}


@pytest.mark.parametrize("name", LISTINGS)
def test_a_hostile_listing_is_refused_in_plain_words(
    name: str, vault: Vault, tmp_path: Path, program: Program
) -> None:
    stick = Stick.make(tmp_path / "stick", seal(mine(vault)))
    listing(stick, LISTINGS[name])
    done = program("import", stick.folder)
    assert done.status == 1
    assert len(done.errors) == 1
    assert not _CONTROL.search(done.out + done.err)
    assert vault.ids() == ()


# --- 22: sticks ------------------------------------------------------------------------------


def link_submissions(stick: Stick) -> None:
    elsewhere = stick.folder.parent / "elsewhere"
    (stick.folder / SUBMISSIONS).rename(elsewhere)
    (stick.folder / SUBMISSIONS).symlink_to(elsewhere)


def link_one(stick: Stick) -> None:
    elsewhere = stick.folder.parent / "elsewhere"
    stick.path(0).rename(elsewhere)
    stick.path(0).symlink_to(elsewhere)


def pipe(stick: Stick) -> None:
    stick.path(0).unlink()
    os.mkfifo(stick.path(0))


def device(stick: Stick) -> None:
    stick.path(0).unlink()
    stick.path(0).symlink_to("/dev/zero")


def no_folder(stick: Stick) -> None:
    (stick.folder / SUBMISSIONS).rename(stick.folder / "elsewhere")


STICKS = (link_submissions, link_one, pipe, device, no_folder)


@pytest.mark.parametrize("change", STICKS)
def test_a_stick_cannot_point_elsewhere_or_make_us_wait(
    change: Callable[[Stick], None], vault: Vault, tmp_path: Path
) -> None:
    stick = Stick.make(tmp_path / "stick", seal(mine(vault)))
    change(stick)
    [(_, error)] = take(vault, stick.folder).refused
    assert isinstance(error, BundleBroken)
    assert list(vault.submissions_folder.iterdir()) == []


def test_a_bundle_played_again_changes_nothing(vault: Vault, tmp_path: Path) -> None:
    old = Stick.make(tmp_path / "old", seal(mine(vault)))
    new = Stick.make(tmp_path / "new", old.path(0).read_bytes(), seal(mine(vault)))
    new.sequence = 2
    new.write()
    take(vault, new.folder)
    kept = {name: vault.path(name).read_bytes() for name in vault.ids()}
    vault.mark_read(vault.ids()[0])
    for _ in range(2):
        take(vault, old.folder)
    assert {name: vault.path(name).read_bytes() for name in new.ids()} == {
        name: kept[name] for name in new.ids()
    }


def strip(stick: Stick, _old: Path) -> None:
    stick.signer = None
    stick.write()


def sign_by_another(stick: Stick, _old: Path) -> None:
    stick.signer = SigningIdentity.generate("server")
    stick.write()


def forge_half(at: int) -> Callable[[Stick, Path], None]:
    def change(stick: Stick, _old: Path) -> None:
        path = stick.folder / LISTING
        document = json.loads(path.read_bytes())
        document["signatures"][at]["sig"] = base64.b64encode(bytes(64)).decode()
        path.write_text(json.dumps(document))

    return change


def strip_and_bring_the_manifest_from_before(stick: Stick, old: Path) -> None:
    """In which no key of the server's was named."""
    shutil.copyfile(old / MANIFEST, stick.folder / MANIFEST)
    strip(stick, old)


def take_the_manifest_away(stick: Stick, old: Path) -> None:
    (stick.folder / MANIFEST).unlink()
    (stick.folder / ROOT).unlink()
    strip(stick, old)


def fork(stick: Stick, _old: Path) -> None:
    stick.sign(SERVER, root(), History().then(server=SERVER.public().key))


def bring_another_root(stick: Stick, _old: Path) -> None:
    evil = SigningIdentity.generate("server")
    history = History().then("evil", admins=public("evil"), server=evil.public().key)
    stick.sign(evil, root("evil"), history)


NOT_THE_SERVERS: dict[str, Callable[[Stick, Path], None]] = {
    "signature stripped": strip,
    "signed by another key": sign_by_another,
    "a forged Ed25519": forge_half(0),
    "a forged ML-DSA": forge_half(1),
    "with the manifest from before": strip_and_bring_the_manifest_from_before,
    "with no manifest": take_the_manifest_away,
    "with a manifest that forks": fork,
    "of another root": bring_another_root,
}


@pytest.mark.parametrize("name", NOT_THE_SERVERS)
def test_a_bundle_that_is_not_the_servers_brings_nothing_in(
    name: str, vault: Vault, tmp_path: Path, program: Program
) -> None:
    """Once the manifest names the server's key, nothing else on a stick takes that away."""
    history = History().then()
    old = Stick.make(tmp_path / "old", seal(mine(vault), "first"))
    old.sign(None, root(), history)
    program.well("import", old.folder)
    stick = Stick.make(tmp_path / "stick", old.path(0).read_bytes())
    stick.sign(SERVER, root(), history.then(server=SERVER.public().key))
    program.well("import", stick.folder)
    added = stick.add(seal(mine(vault), "second"))
    stick.close(EPOCH)
    NOT_THE_SERVERS[name](stick, old.folder)
    program.fails("import", stick.folder)
    assert added.id not in vault.ids()
    assert vault.closed_epochs() == frozenset()
    assert trust.load(vault.folder).history[-1].version == 2


def test_an_old_bundle_of_the_servers_played_again_takes_nothing_back(
    vault: Vault, tmp_path: Path, program: Program
) -> None:
    """Its signature is good and its manifest is behind ours; it claims less than we know."""
    first = history_of(vault)
    old = Stick.make(tmp_path / "old", seal(mine(vault)))
    old.sign(SERVER, root(), first)
    new = Stick.make(tmp_path / "new")
    new.add(old.path(0).read_bytes(), old.submissions[0].id)
    new.add(seal(mine(vault)))
    new.sign(SERVER, root(), first.then(server=SERVER.public().key))
    new.sequence = 2
    new.close(EPOCH)
    assert "is closed" in program.well("import", new.folder)
    assert "older than the newest" in program.fails("import", old.folder)
    assert len(trust.load(vault.folder).history) == 2
    assert vault.closed_epochs() == {EPOCH}
    assert set(vault.ids()) == new.ids()
    # And once the server's key was replaced, the old one signs nothing any more.
    another = SigningIdentity.generate("server")
    later = first.then(server=SERVER.public().key).then(server=another.public().key)
    new.sign(another, root(), later)
    program.well("import", new.folder)
    assert "not signed" in program.fails("import", old.folder)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_bundles_in_any_order_leave_one_and_the_same_vault(
    order: tuple[int, ...], vault: Vault, tmp_path: Path
) -> None:
    """Two couriers, a lost stick that is found, a server that was restored in between."""
    sealed = [seal(mine(vault), str(n)) for n in range(4)]
    ids = [f"{n}" * 32 for n in range(4)]
    sticks = []
    # What each lists: an account leaves the server, and the last two are a restored server's.
    for number, (listed, sequence, restored) in enumerate(
        [((0, 1), 1, None), ((1, 2), 2, None), ((2,), 1, LATER), ((2, 3), 2, LATER)]
    ):
        stick = Stick.make(tmp_path / str(number))
        stick.sequence, stick.restored = sequence, restored
        for n in listed:
            stick.add(sealed[n], ids[n])
        stick.sign(SERVER, root(), history_of(vault))
        sticks.append(stick)
    for at in order:
        with contextlib.suppress(BundleBroken):
            assert take(vault, sticks[at].folder).refused == ()
    known = vault.catalogue()
    assert set(known.entries) == set(ids)
    assert known.newest == (LATER, 2)
    assert {name for name, e in known.entries.items() if e.at_server} == {ids[2], ids[3]}
    # The first that listed it, of those that there are; not the first that came.
    assert [known.entries[name].bundle for name in ids] == [
        (dt.date.min, 1),
        (dt.date.min, 1),
        (dt.date.min, 2),
        (LATER, 2),
    ]


@pytest.mark.parametrize(
    ("taken", "adopted"), [(1_000_000, True), (1_000_001, False), (2**31 - 1, False)]
)
def test_a_number_beyond_all_counts_does_not_become_ours(
    taken: int, vault: Vault, tmp_path: Path, *, adopted: bool
) -> None:
    """Else the vault could soon write no return any more, whoever has the server by then."""
    signer = vault.signer()
    assert signer is not None
    stick = Stick.make(tmp_path / "stick", seal(mine(vault)))
    stick.taken = {dsse.ed25519_keyid(signer.public().key): taken, "ab" * 32: 5}
    stick.sign(SERVER, root(), history_of(vault))
    report = take(vault, stick.folder)
    assert vault.catalogue().sequence == (taken if adopted else 0)
    [warning] = report.warnings
    assert ("older copy" if adopted else "far beyond all that it has written") in warning
    # The rest of what it says is believed.
    assert {entry.at_server for entry in vault.entries().values()} == {True}
    if adopted:
        return
    content = write_return(vault, stick.folder, lambda _count: None).content
    assert content.sequence == 1


@pytest.mark.parametrize("taken", [2**31, 2**53 - 1, 2**64, 10**4000])
def test_a_number_that_no_return_can_have_is_none(taken: int, vault: Vault, tmp_path: Path) -> None:
    stick = Stick.make(tmp_path / "stick", seal(mine(vault)))
    stick.taken = {"ab" * 32: taken}
    stick.sign(SERVER, root(), history_of(vault))
    with pytest.raises(BundleBroken):
        take(vault, stick.folder)
    assert vault.ids() == ()


# --- a server that was taken over, and is its owners' again ----------------------------------

TAKEN_OVER: dict[str, dict[str, Any]] = {
    "a number beyond the next": {"sequence": 2**31 - 1},
    "restored tomorrow": {"sequence": 1, "restored": LATER + dt.timedelta(days=1)},
}


def bundles(vault: Vault, folder: Path, **changes: Any) -> tuple[Stick, Stick]:
    """Return a bundle of who took the server over, and of its owners afterwards."""
    false = Stick.make(folder / "false", seal(mine(vault), "one"))
    for name, value in changes.items():
        setattr(false, name, value)
    true = Stick.make(folder / "true")
    true.add(false.path(0).read_bytes(), false.submissions[0].id)
    true.sequence = 7
    for stick in (false, true):
        stick.sign(SERVER, root(), history_of(vault))
    true.close(EPOCH)
    return false, true


@pytest.mark.parametrize("name", TAKEN_OVER)
def test_a_server_once_taken_over_does_not_silence_a_vault_for_ever(
    name: str, vault: Vault, tmp_path: Path, program: Program
) -> None:
    false, true = bundles(vault, tmp_path, **TAKEN_OVER[name])
    take(vault, false.folder)
    told = program.fails("import", true.folder)
    assert "older than the newest" in told
    assert "--believe" in told
    assert program("import", true.folder, "--believe").status == 1
    assert vault.catalogue().newest != (dt.date.min, 7)
    said = program.well("import", true.folder, "--believe", "--yes")
    assert "counts it as the newest from now on" in said
    assert vault.catalogue().newest == (dt.date.min, 7)
    assert vault.closed_epochs() == {EPOCH}
    # From now on without a word, and the false one no more than any old one.
    true.sequence = 8
    true.write()
    program.well("import", true.folder)


def test_what_only_a_false_bundle_listed_counts_as_taken_back(
    vault: Vault, tmp_path: Path, program: Program
) -> None:
    """Whether it came before the notice nobody knows: we think of the witness."""
    false, true = bundles(vault, tmp_path, sequence=2**31 - 1)
    added = false.add(seal(mine(vault), "two"))
    take(vault, false.folder)
    program.well("import", true.folder, "--believe", "--yes")
    assert vault.catalogue().entries[added.id].bundle is None
    true.sequence = 8
    notice = true.add(seal(mine(vault), "", kind=Kind.WITHDRAWAL))
    take(vault, true.folder)
    assert set(withdrawals(vault.entries())) == {added.id, true.submissions[0].id}
    assert notice.id in vault.ids()


def test_a_restoration_that_is_still_to_come_is_not_believed(
    vault: Vault, tmp_path: Path, program: Program
) -> None:
    to_come = LATER + dt.timedelta(days=2)
    false, true = bundles(vault, tmp_path, sequence=1, restored=to_come)
    false.close(EPOCH)
    report = take(vault, false.folder)
    assert set(report.imported) == false.ids()
    [warning] = report.warnings
    assert f"restored on {to_come}, and this machine's clock shows {LATER}" in warning
    assert vault.catalogue().newest is None
    assert vault.closed_epochs() == frozenset()
    assert take(vault, true.folder).closed == (EPOCH,)
    # Where it is the server's clock that was wrong, a person says so, once.
    program.well("import", false.folder, "--believe", "--yes")
    assert vault.catalogue().newest == (to_come, 1)
    false.sequence = 2
    false.write()
    assert take(vault, false.folder).warnings == ()
    assert vault.catalogue().newest == (to_come, 2)


def test_what_the_server_has_not_signed_is_not_believed_on_anybodys_word(
    vault: Vault, tmp_path: Path, program: Program
) -> None:
    false, true = bundles(vault, tmp_path, sequence=2**31 - 1)
    take(vault, false.folder)
    true.signer = SigningIdentity.generate("server")
    true.write()
    done = program("import", true.folder, "--believe", "--yes")
    assert "not signed" in done.errors[0]
    assert vault.catalogue().newest == (dt.date.min, 2**31 - 1)


def listed_reply(payload: dict[str, Any]) -> None:
    payload["replies"] = [{"id": "../../vault", "state": "filed"}]


def test_a_listing_names_no_reply_but_by_its_id(vault: Vault, tmp_path: Path) -> None:
    stick = Stick.make(tmp_path / "stick", seal(mine(vault)))
    for change in (
        listed_reply,
        lambda p: p.update(replies=[{"id": "ab" * 16, "state": ESCAPES}]),
        lambda p: p.update(taken=[{"vault": ESCAPES, "sequence": 1}]),
        lambda p: p.update(taken=[{"vault": "ab" * 32, "sequence": 0}]),
        lambda p: p.update(restored="yesterday"),
        lambda p: p.update(restored=1),
    ):
        listing(stick, change)
        with pytest.raises(BundleBroken) as refused:
            take(vault, stick.folder)
        assert not _CONTROL.search(str(refused.value))
        stick.write()


def test_a_payload_hash_that_lies_is_found_while_it_is_read(
    vault: Vault, tmp_path: Path, program: Program
) -> None:
    """The vault keeps it as what shows years later what was received."""
    stick = Stick.make(tmp_path / "stick", seal(mine(vault)), seal(mine(vault)))
    stick.change(0, payload_sha256=stick.submissions[1].payload_sha256)
    assert "is not the one that was exported" in program("import", stick.folder).errors[0]
    assert set(vault.ids()) == {stick.submissions[1].id}


def test_what_was_taken_out_of_a_listing_later_stays_in_the_vault(
    vault: Vault, tmp_path: Path
) -> None:
    stick = Stick.make(tmp_path / "stick", seal(mine(vault)), seal(mine(vault)))
    take(vault, stick.folder)
    before = vault.ids()
    stick.submissions = stick.submissions[:1]
    stick.write()
    take(vault, stick.folder)
    assert vault.ids() == before


#: Kills the process without any goodbye at the n-th call of a step, as a power cut would.
KILL_AT = """
import os, pathlib
import intake.offline.vault, intake.durable
count = 0
def dying(step):
    def run(*arguments, **options):
        global count
        count += 1
        if count == {call}:
            os._exit(9)
        return step(*arguments, **options)
    return run
{target} = dying({target})
"""

STEPS = [
    *(("pathlib.Path.rename", call) for call in (1, 2, 3, 4)),
    *(("os.fsync", call) for call in (1, 2, 4, 5, 6)),
    ("intake.offline.vault.Vault.describe", 2),
    ("intake.offline.vault.Vault.save_catalogue", 1),
]


@pytest.mark.parametrize(("target", "call"), STEPS)
def test_pulled_out_at_any_step_the_next_import_makes_it_whole(
    target: str, call: int, vault: Vault, tmp_path: Path, program: Program
) -> None:
    stick = Stick.make(tmp_path / "stick", *(seal(mine(vault), str(n)) for n in range(3)))
    killed = replace(program, before=KILL_AT.format(target=target, call=call))
    assert killed("import", stick.folder).status == 9
    # Whatever is under its own name by now is whole.
    for name in vault.ids():
        with vault.envelope(name) as envelope:
            assert envelope.account_text() in {"0", "1", "2"}
    report = take(unlocked(vault), stick.folder)
    assert report.refused == ()
    assert set(report.imported) | set(report.known) == stick.ids()
    assert {path.name for path in vault.submissions_folder.iterdir()} == {
        f"{name}.age" for name in stick.ids()
    }
    assert set(take(vault, stick.folder).known) == stick.ids()
    for entry in vault.entries().values():
        assert entry.status is Status.UNREAD
        assert entry.received_sha256 is not None


FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))"


def test_a_full_vault_disk_is_said_and_leaves_nothing_half(
    vault: Vault, tmp_path: Path, program: Program
) -> None:
    stick = Stick.make(tmp_path / "stick", seal(mine(vault)), seal(mine(vault)))
    assert replace(program, before=FULL).fails("import", stick.folder)
    assert list(vault.submissions_folder.iterdir()) == []
    assert set(take(vault, stick.folder).imported) == stick.ids()


def test_two_imports_at_once_take_each_submission_once(
    vault: Vault, tmp_path: Path, program: Program
) -> None:
    stick = Stick.make(tmp_path / "stick", *(seal(mine(vault), str(n)) for n in range(8)))
    script = "from intake.offline.cli import main; main()"
    command = [sys.executable, "-c", script, *program.options, "import", str(stick.folder)]
    # While somebody changes the vault, both wait; then both are let go at the same moment.
    with vault.exclusive():
        running = [
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
            )
            for env in (environment(), environment())
        ]
        time.sleep(2)
        assert [process.poll() for process in running] == [None, None]
        assert vault.ids() == ()
    done = []
    for process in running:
        out, err = process.communicate(timeout=60)
        done.append(Done(process.returncode, out, err))
    assert [(d.status, d.errors) for d in done] == [(0, [])] * 2
    taken = [int(d.out.split()[1].rstrip(";")) for d in done]
    assert sorted(taken) == [0, 8]
    assert set(vault.entries()) == stick.ids()


# --- the vault itself, changed by whoever had the machine ------------------------------------


def test_submissions_changed_at_rest_do_not_open(vault: Vault, tmp_path: Path) -> None:
    stick = Stick.make(tmp_path / "stick", seal(mine(vault), ACCOUNT))
    take(vault, stick.folder)
    path = vault.path(stick.submissions[0].id)
    whole = path.read_bytes()
    assert open_bytes(whole, [vault.keys.vault])
    for at in (0, 30, 1000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(AgeError):
            open_bytes(path.read_bytes(), [vault.keys.vault])


@pytest.mark.parametrize("work_factor", ["21", "63", "99"])
def test_a_key_file_that_demands_endless_work_is_refused_at_once(
    work_factor: str, vault: Vault
) -> None:
    path = vault.submissions_folder.parent / "identities.age"
    path.write_bytes(
        re.sub(rb"(-> scrypt \S+) \d+", rb"\1 " + work_factor.encode(), path.read_bytes())
    )
    began = time.monotonic()
    with pytest.raises(IntakeError):
        unlocked(vault)
    assert time.monotonic() - began < 2


def test_a_catalogue_that_somebody_else_sealed_is_not_believed(
    vault: Vault, tmp_path: Path
) -> None:
    stick = Stick.make(tmp_path / "stick", seal(mine(vault)))
    take(vault, stick.folder)
    forged = seal_bytes(b'{"entries": []}', [HybridIdentity.generate().recipient()])
    (vault.submissions_folder.parent / "catalogue.age").write_bytes(forged)
    with pytest.raises(IntakeError, match="remove it"):
        vault.entries()
