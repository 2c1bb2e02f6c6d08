from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from intake.age.header import parse_header
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.age.sealing.seal import seal_bytes
from intake.errors import BundleBroken, IntakeError, NotForUs, NotInVault
from intake.offline import inbox
from intake.offline.catalogue import Status
from intake.offline.inbox import ImportReport, import_bundle
from intake.offline.vault import Vault
from tests.support.submissions import DAY, EPOCH, Stick, seal
from tests.support.vaults import PASSPHRASE, make_vault

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
    return import_bundle(vault, stick.folder, lambda _count: None)


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
    import_bundle(vault, stick.folder, told.append)
    assert sum(told) == sum(submission.size for submission in stick.submissions)
    told.clear()
    import_bundle(vault, stick.folder, told.append)
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
    assert take(vault, stick) == ImportReport((), (), ())


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
            import_bundle(vault, place, lambda _count: None)


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
        patch.setattr(Vault, "save_entries", gone)
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
    save = Vault.save_entries

    def counted(self: Vault, entries: dict[str, object]) -> None:
        saved.append(len(entries))
        save(self, entries)  # type: ignore[arg-type]

    monkeypatch.setattr(Vault, "save_entries", counted)
    take(vault, stick)
    assert saved == [2, 3]


def test_a_reviewer_who_unlocked_before_keys_were_made_is_told(
    vault: Vault, tmp_path: Path
) -> None:
    late = HybridIdentity.generate()
    early = Vault.unlock(vault.submissions_folder.parent, PASSPHRASE)
    with vault.exclusive():
        vault.add_epochs({"2026-12": late})
    stick = Stick.make(tmp_path / "stick", seal([late.recipient()]))
    assert isinstance(take(early, stick).refused[0][1], IntakeError)
    assert set(take(vault, stick).imported) == stick.ids()
