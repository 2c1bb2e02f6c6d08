from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from intake.age.header import parse_header
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.age.sealing.seal import seal_bytes
from intake.courier.bundle import UNKNOWN_EPOCH
from intake.envelope.account import Kind
from intake.envelope.identity import seal_identity
from intake.errors import BundleBroken, NotForUs, NotInVault, VaultUnusable
from intake.manifest.fingerprint import root_fingerprint
from intake.manifest.model import Role
from intake.manifest.payload import serialise_root
from intake.manifest.signing import SigningIdentity
from intake.offline import inbox, trust
from intake.offline.catalogue import Catalogue, Status
from intake.offline.destroying import survey
from intake.offline.inbox import ImportReport, import_bundle
from intake.offline.mailboxes import Withdrawal, same_mailbox, withdrawals
from intake.offline.rekeying import rekey
from intake.offline.vault import Vault
from tests.support.manifests import History, root
from tests.support.submissions import ACCOUNT, DAY, EPOCH, LATER, Stick, seal
from tests.support.vaults import PASSPHRASE, SERVER, history_of, make_vault, november

FILES = [("ဓာတ်ပုံ.jpg", os.urandom(300_000)), ("b.txt", b"")]


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return make_vault(tmp_path / "vault")


@pytest.fixture
def stick(vault: Vault, tmp_path: Path) -> Stick:
    """A stick with a text account, one with files, and another text account."""
    recipient = [vault.keys.epochs[EPOCH].recipient()]
    sealed = (seal(recipient), seal(recipient, "with files", FILES), seal(recipient, "third"))
    return Stick.make(tmp_path / "stick", *sealed)


def take(vault: Vault, stick: Stick) -> ImportReport:
    return import_bundle(vault, stick.folder, lambda _count: None, LATER)


def payload(path: Path) -> bytes:
    source = io.BytesIO(path.read_bytes())
    parse_header(source)
    return source.read()


def names(vault: Vault) -> set[str]:
    return {path.name for path in vault.submissions_folder.iterdir()}


def test_everything_new_is_taken_and_listed(vault: Vault, stick: Stick) -> None:
    report = take(vault, stick)
    assert (set(report.imported), report.known, report.refused) == (stick.ids(), (), ())
    assert set(vault.ids()) == stick.ids()
    entries = vault.entries()
    for submission, attachments in zip(stick.submissions, (0, 2, 0), strict=True):
        entry = entries[submission.id]
        assert (entry.epoch, entry.day, entry.status) == (EPOCH, DAY, Status.UNREAD)
        assert (entry.language, entry.attachments) == ("my", attachments)
        assert entry.received_sha256 == submission.sha256
        assert entry.payload_sha256 == submission.payload_sha256
        assert entry.payload_sha256 == hashlib.sha256(payload(vault.path(entry.id))).hexdigest()


def test_from_the_payload_on_every_byte_is_as_it_was_received(vault: Vault, stick: Stick) -> None:
    take(vault, stick)
    for submission in stick.submissions:
        received, kept = submission.path(stick.folder), vault.path(submission.id)
        assert payload(kept) == payload(received)
        assert len(payload(kept)) > 200_000
        # And the header is another: the epoch's identity opens it no longer.
        with pytest.raises(NotForUs):
            open_bytes(kept.read_bytes(), [vault.keys.epochs[EPOCH]])
        inside = open_bytes(kept.read_bytes(), [vault.keys.vault])
        assert inside == open_bytes(received.read_bytes(), [vault.keys.epochs[EPOCH]])


def test_the_whole_file_is_hashed_and_its_progress_told(vault: Vault, stick: Stick) -> None:
    told: list[int] = []
    import_bundle(vault, stick.folder, told.append, LATER)
    assert sum(told) == sum(submission.size for submission in stick.submissions)
    told.clear()
    import_bundle(vault, stick.folder, told.append, LATER)
    assert sum(told) == sum(submission.size for submission in stick.submissions)


def test_again_it_is_all_known_and_nothing_is_written(vault: Vault, stick: Stick) -> None:
    take(vault, stick)
    before = {path: path.stat() for path in vault.submissions_folder.parent.rglob("*.age")}
    report = take(vault, stick)
    assert (report.imported, set(report.known), report.refused) == ((), stick.ids(), ())
    assert {path: path.stat() for path in before} == before


def test_a_later_bundle_brings_only_what_is_new(vault: Vault, stick: Stick) -> None:
    take(vault, stick)
    vault.mark_read(stick.submissions[0].id)
    added = stick.add(seal([vault.keys.epochs[EPOCH].recipient()], "fourth"))
    report = take(vault, stick)
    assert (report.imported, len(report.known)) == ((added.id,), 3)
    assert vault.entries()[stick.submissions[0].id].status is Status.READ


def test_an_empty_bundle_brings_nothing(vault: Vault, tmp_path: Path) -> None:
    stick = Stick.make(tmp_path / "empty")
    stick.write()
    report = take(vault, stick)
    assert (report.imported, report.known, report.refused, report.closed) == ((), (), (), ())


def test_each_of_several_epochs_opens_its_own(tmp_path: Path) -> None:
    vault = make_vault(tmp_path / "vault", "2026-10", EPOCH, "2026-12")
    identities = vault.keys.epochs.values()
    stick = Stick.make(tmp_path / "stick", *(seal([i.recipient()]) for i in identities))
    assert set(take(vault, stick).imported) == stick.ids()


def test_one_of_several_reviewers_is_enough(tmp_path: Path) -> None:
    vaults = [make_vault(tmp_path / name) for name in ("aye", "ba")]
    recipients = [vault.keys.epochs[EPOCH].recipient() for vault in vaults]
    stick = Stick.make(tmp_path / "stick", seal(recipients))
    for vault in vaults:
        assert set(take(vault, stick).imported) == stick.ids()


# --- refused, and nothing left ---------------------------------------------------------------


def shorten(stick: Stick) -> None:
    stick.path(1).write_bytes(stick.path(1).read_bytes()[:-1])


def lengthen(stick: Stick) -> None:
    stick.path(1).write_bytes(stick.path(1).read_bytes() + b"\x00")


def flip(at: int) -> Callable[[Stick], None]:
    def change(stick: Stick) -> None:
        data = bytearray(stick.path(1).read_bytes())
        data[at] ^= 1
        stick.path(1).write_bytes(data)

    return change


def link(stick: Stick) -> None:
    elsewhere = stick.folder.parent / "elsewhere"
    stick.path(1).rename(elsewhere)
    stick.path(1).symlink_to(elsewhere)


def pipe(stick: Stick) -> None:
    stick.path(1).unlink()
    os.mkfifo(stick.path(1))


def folder(stick: Stick) -> None:
    stick.path(1).unlink()
    stick.path(1).mkdir()


def swap(stick: Stick) -> None:
    stick.path(1).write_bytes(stick.path(0).read_bytes())


def forge(stick: Stick) -> None:
    stick.replace(1, stick.path(1).read_bytes().replace(b"---", b"-> grease\n\n---", 1))


def seal_to_somebody_else(stick: Stick) -> None:
    stick.replace(1, seal([HybridIdentity.generate().recipient()]))


CHANGES: dict[str, Callable[[Stick], object]] = {
    "another hash in the listing": lambda stick: stick.change(1, sha256="ab" * 32),
    "another payload's hash in the listing": lambda stick: stick.change(
        1, payload_sha256="ab" * 32
    ),
    "another size in the listing": lambda stick: stick.change(
        1, size=stick.submissions[1].size - 1
    ),
    "a bit of the header": flip(30),
    "a bit of the payload": flip(200_000),
    "the last bit": flip(-1),
    "a byte less": shorten,
    "a byte more": lengthen,
    "empty": lambda stick: stick.path(1).write_bytes(b""),
    "missing": lambda stick: stick.path(1).unlink(),
    "a link": link,
    "a named pipe": pipe,
    "a folder": folder,
    "another submission's file": swap,
    "a forged header": forge,
    "sealed to somebody else": seal_to_somebody_else,
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_not_right_is_refused_alone(change: str, vault: Vault, stick: Stick) -> None:
    CHANGES[change](stick)
    bad = stick.submissions[1].id
    report = take(vault, stick)
    assert set(report.imported) == stick.ids() - {bad}
    [(refused, error)] = report.refused
    assert refused == bad
    assert isinstance(error, BundleBroken | NotForUs)
    assert bad in str(error)
    assert names(vault) == {f"{name}.age" for name in report.imported}
    with pytest.raises(NotInVault):
        vault.find(bad)
    assert take(vault, stick).refused[0][0] == bad


def test_once_it_is_right_it_is_taken(vault: Vault, stick: Stick) -> None:
    whole = stick.path(1).read_bytes()
    shorten(stick)
    take(vault, stick)
    stick.path(1).write_bytes(whole)
    report = take(vault, stick)
    assert (report.imported, len(report.known)) == ((stick.submissions[1].id,), 2)


def test_sealed_to_somebody_else_is_said_as_such(vault: Vault, stick: Stick) -> None:
    seal_to_somebody_else(stick)
    error = take(vault, stick).refused[0][1]
    assert isinstance(error, NotForUs)
    assert EPOCH in str(error)


def test_what_opens_but_is_no_envelope_is_kept_as_evidence(vault: Vault, tmp_path: Path) -> None:
    junk = seal_bytes(b"no zip at all", [vault.keys.epochs[EPOCH].recipient()])
    stick = Stick.make(tmp_path / "stick", junk)
    assert set(take(vault, stick).imported) == stick.ids()
    entry = vault.entries()[stick.submissions[0].id]
    assert entry.status is Status.DAMAGED
    assert entry.received_sha256 == stick.submissions[0].sha256


def test_without_a_bundle_there_is_nothing_to_take(vault: Vault, tmp_path: Path) -> None:
    for place in (tmp_path / "missing", tmp_path):
        with pytest.raises(BundleBroken):
            import_bundle(vault, place, lambda _count: None, LATER)


# --- another file under an id that is here ---------------------------------------------------


@pytest.mark.parametrize("catalogue", ["kept", "lost"])
def test_nothing_that_was_received_is_ever_replaced(
    catalogue: str, vault: Vault, stick: Stick, tmp_path: Path
) -> None:
    take(vault, stick)
    name = stick.submissions[0].id
    before = vault.path(name).read_bytes()
    if catalogue == "lost":
        (vault.submissions_folder.parent / "catalogue.age").unlink()
    evil = Stick.make(tmp_path / "evil")
    evil.add(seal([vault.keys.epochs[EPOCH].recipient()], "I saw nothing."), name)
    report = take(vault, evil)
    assert report.imported == ()
    assert "another file under the id" in str(report.refused[0][1])
    assert vault.path(name).read_bytes() == before
    assert all(not path.endswith(".partial") for path in names(vault))


def test_with_the_catalogue_lost_the_same_bundle_fills_it_again(vault: Vault, stick: Stick) -> None:
    take(vault, stick)
    before = vault.entries()
    (vault.submissions_folder.parent / "catalogue.age").unlink()
    report = take(vault, stick)
    assert (set(report.imported), report.refused) == (stick.ids(), ())
    assert vault.entries() == before


# --- interrupted -----------------------------------------------------------------------------


class PulledOutError(BaseException):
    """The power is gone."""


def test_between_the_file_and_the_catalogue_nothing_is_lost(
    vault: Vault, stick: Stick, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_arguments: object) -> None:
        raise PulledOutError

    with monkeypatch.context() as patch:
        patch.setattr(Vault, "save_catalogue", gone)
        with pytest.raises(PulledOutError):
            take(vault, stick)
    assert set(vault.ids()) == stick.ids()
    assert {entry.received_sha256 for entry in vault.entries().values()} == {None}
    report = take(vault, stick)
    assert (set(report.imported), report.refused) == (stick.ids(), ())
    assert {entry.day for entry in vault.entries().values()} == {DAY}


def test_half_a_file_of_an_earlier_import_is_swept(vault: Vault, stick: Stick) -> None:
    half = vault.submissions_folder / f"{stick.submissions[0].id}.partial"
    half.write_bytes(b"half")
    take(vault, stick)
    assert names(vault) == {f"{name}.age" for name in stick.ids()}


def test_the_catalogue_is_written_now_and_then(
    vault: Vault, stick: Stick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "_SAVE_EVERY", 2)
    saved: list[int] = []
    save = Vault.save_catalogue

    def counted(self: Vault, changed: Catalogue) -> None:
        saved.append(len(changed.entries))
        save(self, changed)

    monkeypatch.setattr(Vault, "save_catalogue", counted)
    take(vault, stick)
    assert saved == [2, 3]


def test_keys_that_were_made_since_it_was_unlocked_open_what_they_should(
    vault: Vault, tmp_path: Path
) -> None:
    late = HybridIdentity.generate()
    early = Vault.unlock(vault.folder, PASSPHRASE)
    with vault.exclusive():
        vault.add_epochs({"2026-12": late})
    stick = Stick.make(tmp_path / "stick", seal([late.recipient()]))
    assert set(take(early, stick).imported) == stick.ids()


# --- closed epochs ---------------------------------------------------------------------------

OTHERS = HybridIdentity.generate()


def closing(stick: Stick, history: History, signer: SigningIdentity | None = SERVER) -> None:
    stick.sign(signer, root(), history)
    stick.close(EPOCH, "2026-10")


def test_a_closed_epoch_that_is_all_here_is_remembered(vault: Vault, stick: Stick) -> None:
    closing(stick, history_of(vault))
    for _ in range(2):
        report = take(vault, stick)
        # The vault has no key of the other one: there is nothing to destroy.
        assert report.closed == (EPOCH,)
    assert Vault.unlock(vault.folder, PASSPHRASE).closed_epochs() == {EPOCH}
    vault.mark_read(vault.ids()[0])
    assert vault.closed_epochs() == {EPOCH}


def test_an_epoch_that_is_not_over_by_our_clock_is_not_taken_for_closed(
    vault: Vault, stick: Stick
) -> None:
    closing(stick, history_of(vault))
    for day in (dt.date(1970, 1, 1), DAY, dt.date(2026, 11, 30)):
        report = import_bundle(vault, stick.folder, lambda _count: None, day)
        assert report.closed == ()
        [warning] = report.warnings
        assert f"ends on 2026-11-30, and this machine's clock shows {day}" in warning
        assert vault.closed_epochs() == frozenset()
    report = import_bundle(vault, stick.folder, lambda _count: None, dt.date(2026, 12, 1))
    assert (report.closed, report.warnings) == ((EPOCH,), ())


def test_an_epoch_that_is_not_said_to_be_closed_is_not(vault: Vault, stick: Stick) -> None:
    stick.sign(SERVER, root(), history_of(vault))
    assert take(vault, stick).closed == ()
    assert vault.closed_epochs() == frozenset()


def test_the_first_bundle_pins_the_root_and_says_so_once(vault: Vault, stick: Stick) -> None:
    closing(stick, history_of(vault))
    assert take(vault, stick).pinned == root_fingerprint(serialise_root(root()))
    assert take(vault, stick).pinned is None
    assert (vault.folder / "root.pub").read_bytes() == serialise_root(root())
    assert trust.load(vault.folder).manifest is not None


def test_nobody_closes_an_epoch_without_the_servers_key(vault: Vault, stick: Stick) -> None:
    """Neither an unsigned listing, nor one signed by a key that no manifest names."""
    stick.close(EPOCH)
    reports = [take(vault, stick)]
    closing(stick, History().then())
    reports.append(take(vault, stick))
    assert [report.closed for report in reports] == [(), ()]
    assert [len(report.warnings) for report in reports] == [1, 1]
    assert len(reports[0].imported) == 3
    assert vault.closed_epochs() == frozenset()


def test_a_bundle_that_is_refused_leaves_nothing(vault: Vault, stick: Stick) -> None:
    closing(stick, history_of(vault), signer=None)
    before = sorted(vault.folder.rglob("*"))
    with pytest.raises(BundleBroken, match="not signed"):
        take(vault, stick)
    assert [path for path in sorted(vault.folder.rglob("*")) if path.name != "lock"] == [
        path for path in before if path.name != "lock"
    ]


NOT_WHOLE = ["missing", "a bit of the payload", "a forged header", "sealed to somebody else"]


@pytest.mark.parametrize("change", NOT_WHOLE)
def test_an_epoch_of_which_something_is_missing_is_not_whole(
    change: str, vault: Vault, stick: Stick
) -> None:
    whole = stick.path(1).read_bytes()
    CHANGES[change](stick)
    closing(stick, history_of(vault))
    assert take(vault, stick).closed == ()
    assert vault.closed_epochs() == frozenset()
    stick.replace(1, whole)
    assert take(vault, stick).closed == (EPOCH,)


def test_what_was_called_whole_is_so_no_more_when_something_is_found_missing(
    vault: Vault, stick: Stick
) -> None:
    closing(stick, history_of(vault))
    take(vault, stick)
    added = stick.add(seal([vault.keys.epochs[EPOCH].recipient()]))
    added.path(stick.folder).unlink()
    assert take(vault, stick).closed == ()
    assert vault.closed_epochs() == frozenset()


def test_what_was_never_sealed_to_this_vault_does_not_keep_an_epoch_open(
    vault: Vault, stick: Stick
) -> None:
    """This reviewer came in mid-epoch: the manifest shows who could open what came before."""
    before = {"server": SERVER.public().key, "epochs": (november(OTHERS),)}
    both = {**before, "epochs": (november(OTHERS, vault.keys.epochs[EPOCH]),)}
    history = History().then(**before).then(**both)
    for at in range(3):
        stick.change(at, manifest_version=2)
    early = stick.add(seal([OTHERS.recipient()]))
    closing(stick, history)
    report = take(vault, stick)
    assert (report.refused, report.foreign, report.closed) == ((), (early.id,), (EPOCH,))


@pytest.mark.parametrize("version", [2, 3])
def test_what_should_have_been_sealed_to_this_vault_keeps_it_open(
    version: int, vault: Vault, stick: Stick
) -> None:
    """Version 2 names us; a version 3 nobody has seen."""
    before = {"server": SERVER.public().key, "epochs": (november(OTHERS),)}
    both = {**before, "epochs": (november(OTHERS, vault.keys.epochs[EPOCH]),)}
    stick.add(seal([OTHERS.recipient()]), manifest_version=version)
    closing(stick, History().then(**before).then(**both))
    report = take(vault, stick)
    assert len(report.refused) == 1
    assert report.closed == ()


def test_a_custodian_who_cannot_open_the_accounts_keeps_the_epoch_open(
    vault: Vault, stick: Stick
) -> None:
    """Else the key would be destroyed before the answers that it opens were ever seen."""
    custodian = HybridIdentity.generate()
    with vault.exclusive():
        vault.add_epochs({EPOCH: custodian}, Role.CUSTODIANS)
    named = november(OTHERS, custodians=[custodian])
    stick.add(seal([OTHERS.recipient()]))
    closing(stick, History().then(server=SERVER.public().key, epochs=(named,)))
    assert take(vault, stick).closed == ()


def test_a_custodian_who_reviews_nothing_learns_why_and_closes_the_epoch(tmp_path: Path) -> None:
    custodian = HybridIdentity.generate()
    vault = make_vault(tmp_path / "custodian", "2026-12")
    with vault.exclusive():
        vault.add_epochs({EPOCH: custodian}, Role.CUSTODIANS)
    named = november(OTHERS, custodians=[custodian])
    stick = Stick.make(tmp_path / "stick", seal([OTHERS.recipient()]))
    closing(stick, History().then(server=SERVER.public().key, epochs=(named,)))
    report = take(vault, stick)
    assert "A custodian must review as well" in str(report.refused[0][1])
    # The key may go, but not as if nothing were lost with it.
    assert report.closed == ()
    assert vault.closed_epochs() == vault.catalogue().unopened == {EPOCH}
    # Once a quorum has come together and the accounts are here, nothing is.
    vault.lend(EPOCH, Role.REVIEWERS, OTHERS)
    assert take(vault, stick).closed == (EPOCH,)
    assert vault.catalogue().unopened == frozenset()


# --- what is damaged here, or came damaged ---------------------------------------------------


def flip_header(path: Path) -> None:
    """Change one character of the first stanza: well formed, and nobody's."""
    data = path.read_bytes()
    at = data.index(b"-> ") + 60
    path.write_bytes(data[:at] + (b"B" if data[at : at + 1] == b"A" else b"A") + data[at + 1 :])


def break_header(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"->", b"~>", 1))


SPOILED: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "a changed header": flip_header,
    "a broken header": break_header,
}


@pytest.mark.parametrize("spoil", SPOILED)
@pytest.mark.parametrize("catalogue", ["kept", "lost"])
def test_what_was_spoiled_in_the_vault_is_brought_again(
    spoil: str, catalogue: str, vault: Vault, stick: Stick
) -> None:
    take(vault, stick)
    name = stick.submissions[1].id
    whole = payload(vault.path(name))
    SPOILED[spoil](vault.path(name))
    if catalogue == "lost":
        (vault.folder / "catalogue.age").unlink()
    report = take(vault, stick)
    assert name in report.imported
    assert report.refused == ()
    assert vault.is_ours(name)
    assert payload(vault.path(name)) == whole
    assert vault.entries()[name].received_sha256 == stick.submissions[1].sha256
    assert set(take(vault, stick).known) == stick.ids()


def test_with_an_older_key_file_everything_is_wrapped_anew(vault: Vault, stick: Stick) -> None:
    take(vault, stick)
    keys = vault.folder / "identities.age"
    older = keys.read_bytes()
    rekey(vault, lambda _count: None)
    keys.write_bytes(older)
    with pytest.raises(VaultUnusable, match="restore the newest copy of identities"):
        vault.entries()
    (vault.folder / "catalogue.age").unlink()
    assert {entry.status for entry in vault.entries().values()} == {Status.LOCKED}
    assert set(take(vault, stick).imported) == stick.ids()
    assert all(vault.is_ours(name) for name in vault.ids())
    assert {entry.status for entry in vault.entries().values()} == {Status.UNREAD}


def test_what_is_missing_is_listed_as_such(vault: Vault, stick: Stick) -> None:
    take(vault, stick)
    one, two, _ = (submission.id for submission in stick.submissions)
    vault.path(one).unlink()
    # Saved for another's sake, the catalogue keeps the entry.
    vault.mark_read(two)
    entry = vault.entries()[one]
    assert (entry.status, entry.epoch) == (Status.MISSING, EPOCH)
    take(vault, stick)
    assert vault.entries()[one].status is Status.UNREAD


def test_what_was_read_stays_read_when_it_is_brought_again(vault: Vault, stick: Stick) -> None:
    take(vault, stick)
    name = stick.submissions[0].id
    vault.mark_read(name)
    vault.path(name).unlink()
    take(vault, stick)
    assert vault.entries()[name].status is Status.READ


def changed_at_the_end(data: bytes) -> bytes:
    return data[:-50] + bytes([data[-50] ^ 1]) + data[-49:]


CAME_DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "changed": changed_at_the_end,
    "cut": lambda data: data[:100_000],
    "cut behind the header": lambda data: data[: data.index(b"--- ") + 48],
}


@pytest.mark.parametrize("damage", CAME_DAMAGED)
@pytest.mark.parametrize("catalogue", ["kept", "lost"])
def test_what_came_damaged_is_said_and_gives_way_to_a_whole_one(
    damage: str, catalogue: str, vault: Vault, stick: Stick
) -> None:
    whole, name = stick.path(1).read_bytes(), stick.submissions[1].id
    stick.replace(1, CAME_DAMAGED[damage](whole))
    closing(stick, history_of(vault))
    for times in range(2):
        report = take(vault, stick)
        assert len(report.imported) == (0 if times else 3)
        assert report.closed == ()
        [warning] = report.warnings
        assert name in warning
    assert vault.entries()[name].status is Status.DAMAGED
    if catalogue == "lost":
        (vault.folder / "catalogue.age").unlink()
    stick.replace(1, whole)
    report = take(vault, stick)
    assert name in report.imported
    assert (report.refused, report.warnings, report.closed) == ((), (), (EPOCH,))
    assert payload(vault.path(name)) == payload(stick.path(1))
    assert vault.entries()[name].status is Status.UNREAD


def test_what_came_damaged_gives_way_to_nothing_that_is_damaged_too(
    vault: Vault, stick: Stick
) -> None:
    whole, name = stick.path(1).read_bytes(), stick.submissions[1].id
    stick.replace(1, changed_at_the_end(whole))
    take(vault, stick)
    before = vault.path(name).read_bytes()
    junk = seal_bytes(b"no zip at all", [vault.keys.epochs[EPOCH].recipient()])
    for other in (CAME_DAMAGED["cut"](whole), junk):
        stick.replace(1, other)
        assert "another file under the id" in str(take(vault, stick).refused[0][1])
        assert vault.path(name).read_bytes() == before
    assert all(not path.endswith(".partial") for path in names(vault))


def test_what_is_no_envelope_but_as_it_was_sealed_is_never_replaced(
    vault: Vault, tmp_path: Path
) -> None:
    """It is evidence, and whole: a newer program may read it."""
    recipient = [vault.keys.epochs[EPOCH].recipient()]
    stick = Stick.make(tmp_path / "stick", seal_bytes(b"no zip at all", recipient))
    take(vault, stick)
    stick.replace(0, seal(recipient))
    assert "another file under the id" in str(take(vault, stick).refused[0][1])


# --- bundles in any order --------------------------------------------------------------------


def numbered(stick: Stick, sequence: int, vault: Vault, restored: dt.date | None = None) -> Stick:
    stick.sequence, stick.restored = sequence, restored
    stick.sign(SERVER, root(), history_of(vault))
    return stick


def test_an_older_bundle_brings_its_accounts_and_nothing_else(
    vault: Vault, stick: Stick, tmp_path: Path
) -> None:
    newer = Stick.make(tmp_path / "newer", seal([vault.keys.epochs[EPOCH].recipient()]))
    take(vault, numbered(newer, 2, vault))
    closing(numbered(stick, 1, vault), history_of(vault))
    report = take(vault, stick)
    assert (set(report.imported), report.closed) == (stick.ids(), ())
    [warning] = report.warnings
    assert "older than the newest" in warning
    assert vault.closed_epochs() == frozenset()
    at_server = {name for name, entry in vault.entries().items() if entry.at_server}
    assert at_server == newer.ids()
    with pytest.raises(BundleBroken, match="brings nothing new"):
        take(vault, stick)
    assert set(take(vault, newer).known) == newer.ids()


def test_a_restored_servers_bundles_are_newer_whatever_their_number(
    vault: Vault, stick: Stick, tmp_path: Path
) -> None:
    take(vault, numbered(stick, 9, vault))
    after = Stick.make(tmp_path / "after", seal([vault.keys.epochs[EPOCH].recipient()]))
    assert take(vault, numbered(after, 3, vault, restored=DAY)).warnings == ()
    assert vault.catalogue().newest == (DAY, 3)
    with pytest.raises(BundleBroken, match="brings nothing new"):
        take(vault, stick)


def test_an_unsigned_listing_says_nothing_of_the_server(vault: Vault, stick: Stick) -> None:
    take(vault, stick)
    assert vault.catalogue().newest is None
    assert not any(entry.at_server for entry in vault.entries().values())


def test_an_entry_from_before_payloads_were_hashed_is_completed(vault: Vault, stick: Stick) -> None:
    take(vault, stick)
    whole = vault.catalogue()
    with vault.exclusive():
        older = {
            name: dataclasses.replace(entry, payload_sha256=None, kind=None, mailbox=None)
            for name, entry in whole.entries.items()
        }
        vault.save_catalogue(dataclasses.replace(whole, entries=older))
    kept = {path: path.stat() for path in vault.submissions_folder.iterdir()}
    assert take(vault, stick).refused == ()
    assert vault.catalogue() == whole
    assert {path: path.stat() for path in kept} == kept


# --- kinds, mailboxes and what was taken back ------------------------------------------------


def test_what_came_under_one_code_is_known_as_such(vault: Vault, stick: Stick) -> None:
    mine = [vault.keys.epochs[EPOCH].recipient()]
    files = stick.add(seal(mine, "", kind=Kind.FILES))
    other = stick.add(seal(mine, reply_key="ab" * 32))
    take(vault, stick)
    entries = vault.entries()
    mailboxes = {name: entry.mailbox for name, entry in entries.items()}
    assert len(set(mailboxes.values())) == 2
    assert [name for name, m in mailboxes.items() if m == mailboxes[other.id]] == [other.id]
    assert {entry.kind for entry in entries.values()} == {Kind.ACCOUNT, Kind.FILES}
    assert entries[files.id].kind is Kind.FILES
    assert len(same_mailbox(entries, files.id)) == 3
    assert {"5a" * 16, "ab" * 16}.isdisjoint(mailboxes.values())


def notice(vault: Vault) -> bytes:
    return seal([vault.keys.epochs[EPOCH].recipient()], "", kind=Kind.WITHDRAWAL)


def test_a_notice_takes_back_what_was_there_before_it(vault: Vault, stick: Stick) -> None:
    take(vault, numbered(stick, 1, vault))
    before = stick.ids()
    other = stick.add(seal([vault.keys.epochs[EPOCH].recipient()], reply_key="ab" * 32))
    stick.submissions = (other,)
    told = stick.add(notice(vault))
    after = stick.add(seal([vault.keys.epochs[EPOCH].recipient()], "and yet"))
    report = take(vault, numbered(stick, 2, vault))
    assert report.notices == (told.id,)
    assert withdrawals(vault.entries()) == dict.fromkeys(before, Withdrawal(DAY))
    # Still the same when the notice has left the server and the message has not.
    stick.submissions = (after,)
    take(vault, numbered(stick, 3, vault))
    later = stick.add(seal([vault.keys.epochs[EPOCH].recipient()], "and this"))
    take(vault, numbered(stick, 4, vault))
    assert set(withdrawals(vault.entries())) == before
    assert later.id in vault.ids()


def test_what_comes_late_on_an_older_stick_is_taken_back_too(
    vault: Vault, stick: Stick, tmp_path: Path
) -> None:
    newer = Stick.make(tmp_path / "newer", notice(vault))
    take(vault, numbered(newer, 2, vault))
    take(vault, numbered(stick, 1, vault))
    assert set(withdrawals(vault.entries())) == stick.ids()


def test_a_later_day_is_never_taken_back(vault: Vault, stick: Stick, tmp_path: Path) -> None:
    newer = Stick.make(tmp_path / "newer", notice(vault))
    stick.change(0, day=DAY + dt.timedelta(days=1))
    take(vault, numbered(stick, 1, vault))
    take(vault, numbered(newer, 2, vault))
    assert stick.submissions[0].id not in withdrawals(vault.entries())


def test_with_the_catalogue_lost_everything_counts_as_taken_back(
    vault: Vault, stick: Stick
) -> None:
    """We do not know what came first, and think of the witness."""
    stick.add(notice(vault))
    take(vault, numbered(stick, 1, vault))
    assert withdrawals(vault.entries()) == {}
    (vault.folder / "catalogue.age").unlink()
    assert set(withdrawals(vault.entries()).values()) == {Withdrawal(None)}


# --- quorums ---------------------------------------------------------------------------------


def test_what_a_quorum_opens_is_kept_as_it_was_received(vault: Vault, tmp_path: Path) -> None:
    quorum = HybridIdentity.generate()
    sealed = seal([quorum.recipient()])
    stick = Stick.make(tmp_path / "stick", sealed)
    name = stick.submissions[0].id
    assert isinstance(take(vault, stick).refused[0][1], NotForUs)
    vault.lend(EPOCH, Role.REVIEWERS, quorum)
    assert take(vault, stick).imported == (name,)
    assert vault.path(name).read_bytes() == sealed
    with vault.envelope(name) as envelope:
        assert envelope.account_text() == ACCOUNT
    outside = Vault.unlock(vault.folder, PASSPHRASE)
    assert outside.entries()[name].language == "my"
    sentence = f"intake-review unlock --epoch {EPOCH}"
    with pytest.raises(NotForUs, match=sentence), outside.envelope(name):
        pass
    assert take(outside, stick).known == (name,)
    assert all(quorum.encode().encode() not in path.read_bytes() for path in files(vault))


def test_with_the_catalogue_lost_it_is_locked_and_not_damaged(vault: Vault, tmp_path: Path) -> None:
    quorum = HybridIdentity.generate()
    stick = Stick.make(tmp_path / "stick", seal([quorum.recipient()]))
    name = stick.submissions[0].id
    vault.lend(EPOCH, Role.REVIEWERS, quorum)
    take(vault, stick)
    (vault.folder / "catalogue.age").unlink()
    outside = Vault.unlock(vault.folder, PASSPHRASE)
    assert outside.entries()[name].status is Status.LOCKED
    # The same bundle brings back what it can, and the quorum the rest.
    assert take(outside, stick).imported == (name,)
    entry = outside.entries()[name]
    assert (entry.status, entry.epoch, entry.day) == (Status.LOCKED, EPOCH, DAY)
    entry = vault.entries()[name]
    assert (entry.status, entry.language, entry.day) == (Status.UNREAD, "my", DAY)


def both_open(vault: Vault, quorum: HybridIdentity) -> bytes:
    return seal([vault.keys.epochs[EPOCH].recipient(), quorum.recipient()])


def test_a_quorum_takes_nothing_away_that_our_own_key_opens(vault: Vault, tmp_path: Path) -> None:
    quorum = HybridIdentity.generate()
    stick = Stick.make(tmp_path / "stick", both_open(vault, quorum))
    name = stick.submissions[0].id
    vault.lend(EPOCH, Role.REVIEWERS, quorum)
    take(vault, stick)
    assert vault.is_ours(name)
    outside = Vault.unlock(vault.folder, PASSPHRASE)
    with outside.envelope(name) as envelope:
        assert envelope.account_text() == ACCOUNT


def test_what_a_quorum_was_left_with_is_wrapped_to_us_by_the_next_import(
    vault: Vault, tmp_path: Path
) -> None:
    """As an earlier version of the program kept it."""
    sealed = both_open(vault, HybridIdentity.generate())
    stick = Stick.make(tmp_path / "stick", sealed)
    name = stick.submissions[0].id
    take(vault, stick)
    vault.path(name).write_bytes(sealed)
    assert take(vault, stick).imported == (name,)
    assert vault.is_ours(name)
    assert take(vault, stick).known == (name,)


def files(vault: Vault) -> list[Path]:
    return [path for path in vault.folder.rglob("*") if path.is_file()]


# --- epochs that a restored server does not know ---------------------------------------------


def test_the_account_says_its_epoch_where_the_server_does_not_know_it(
    vault: Vault, tmp_path: Path
) -> None:
    with vault.exclusive():
        vault.add_epochs({"2026-12": HybridIdentity.generate()})
    december = [vault.keys.epochs["2026-12"].recipient()]
    stick = Stick.make(tmp_path / "stick")
    stick.add(seal(december, epoch="2026-12", manifest_version=3), epoch=UNKNOWN_EPOCH)
    closing(stick, history_of(vault))
    report = take(vault, stick)
    assert set(report.imported) == stick.ids()
    assert report.closed == (EPOCH,)
    [entry] = vault.entries().values()
    assert (entry.epoch, entry.status) == ("2026-12", Status.UNREAD)
    assert set(take(vault, stick).known) == stick.ids()


def test_what_was_here_before_the_server_forgot_its_epoch_keeps_it(
    vault: Vault, stick: Stick
) -> None:
    take(vault, stick)
    before = vault.entries()
    for at in range(3):
        stick.change(at, epoch=UNKNOWN_EPOCH)
    assert set(take(vault, stick).known) == stick.ids()
    vault.path(stick.submissions[0].id).unlink()
    assert take(vault, stick).imported == (stick.submissions[0].id,)
    assert vault.entries() == before


def test_an_account_of_no_known_epoch_that_does_not_open_keeps_every_key(
    vault: Vault, stick: Stick
) -> None:
    """It may be of any epoch; and a manifest cannot show that it is for others."""
    closing(stick, history_of(vault))
    assert take(vault, stick).closed == (EPOCH,)
    added = stick.add(seal([OTHERS.recipient()]), epoch=UNKNOWN_EPOCH)
    report = take(vault, stick)
    [(refused, error)] = report.refused
    assert (refused, report.foreign, report.closed) == (added.id, (), ())
    assert isinstance(error, NotForUs)
    assert "does not know its epoch any more" in str(error)
    assert vault.closed_epochs() == frozenset()
    # Once the server has it no more, the epoch is whole again.
    stick.submissions, stick.sequence = stick.submissions[:-1], 2
    stick.write()
    assert take(vault, stick).closed == (EPOCH,)


def test_an_account_of_no_known_epoch_that_is_missing_keeps_every_key(
    vault: Vault, stick: Stick
) -> None:
    closing(stick, history_of(vault))
    added = stick.add(seal([vault.keys.epochs[EPOCH].recipient()]), epoch=UNKNOWN_EPOCH)
    added.path(stick.folder).unlink()
    assert take(vault, stick).closed == ()


def test_an_account_of_no_known_epoch_that_came_damaged_is_of_every_epoch(
    vault: Vault, stick: Stick
) -> None:
    closing(stick, history_of(vault))
    whole = seal([vault.keys.epochs[EPOCH].recipient()], "fourth", FILES)
    added = stick.add(whole[:-100_000], epoch=UNKNOWN_EPOCH)
    report = take(vault, stick)
    assert report.closed == ()
    [warning] = report.warnings
    assert "no key is destroyed" in warning
    assert vault.entries()[added.id].epoch == UNKNOWN_EPOCH
    with pytest.raises(VaultUnusable, match=f"{added.id} is damaged"):
        survey(vault, EPOCH, LATER, lambda _count: None).check()
    # Whole, it says of which epoch it is.
    stick.replace(3, whole)
    assert take(vault, stick).closed == (EPOCH,)
    assert vault.entries()[added.id].epoch == EPOCH


def test_a_custodian_keeps_the_answers_of_what_has_no_known_epoch(tmp_path: Path) -> None:
    vault = make_vault(tmp_path / "vault")
    custodian = HybridIdentity.generate()
    with vault.exclusive():
        vault.add_epochs({EPOCH: custodian}, Role.CUSTODIANS)
    answers = seal_identity({"reach": "the midwife"}, [custodian.recipient()])
    mine = [vault.keys.epochs[EPOCH].recipient()]
    stick = Stick.make(tmp_path / "stick", seal(mine, identity=answers))
    stick.change(0, epoch=UNKNOWN_EPOCH)
    for _ in range(2):
        take(vault, stick)
        path = vault.identity_path(stick.submissions[0].id)
        assert open_bytes(path.read_bytes(), vault.keys.own())
        path.unlink()
