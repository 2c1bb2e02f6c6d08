"""Backed up and restored: what was deleted stays deleted, and what worked works. Threat 7."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_age
from intake.courier.bundle import UNKNOWN_EPOCH, read_bundle
from intake.errors import (
    BackupRefused,
    BundleBroken,
    DocumentMalformed,
    IntakeError,
    ManifestRefused,
)
from intake.manifest import dsse
from intake.offline.admin.backups import open_backup
from intake.online.backup import make_backup
from intake.online.courier import Seal, export_bundle
from intake.online.importing import import_return
from intake.online.restoring import Restored, finish_restoration, restore
from intake.online.retention import sweep
from intake.online.settings import Retention, Settings, read_settings
from intake.online.signing_key import load_signing_key
from intake.online.store.replies import Filing
from intake.online.store.submissions import Store
from intake.online.witness.app import create_app
from tests.support.databases import empty_tables
from tests.support.deployments import (
    SETTINGS,
    TODAY,
    Scene,
    hidden_fields,
    make_scene,
    receipt_code,
    send,
    submit,
)
from tests.support.kills import every_kill
from tests.support.returns import Mailbox, ReturnStick, root_hash
from tests.support.stores import commit

REPLY = b"sealed reply"


@dataclass
class House:
    """A deployment, and a fresh machine to restore it on."""

    scene: Scene
    folder: Path

    def back_up(self, name: str = "backup.age") -> Path:
        file = self.folder / name
        make_backup(self.scene.deployment(), file)
        return file

    def opened(self, file: Path) -> Path:
        """Open a backup as an admin does."""
        identity = HybridIdentity(self.scene.admin.backup_seed())
        out = file.with_suffix(".zip")
        with file.open("rb") as sealed:
            out.write_bytes(open_age(sealed, [identity]).read())
        return out

    def fresh(self, *, blobs: bool = True, name: str = "fresh", database: str = "") -> Scene:
        """A machine that has the settings, and the folder of sealed files or not even that."""
        folder = self.folder / name
        folder.mkdir()
        line = f'database = "{database}"' if database else ""
        config = folder / "intake.toml"
        config.write_text(SETTINGS.format(port=8000, database=line, threads=4), encoding="utf-8")
        if blobs:
            shutil.copytree(self.scene.settings.blobs, folder / "state" / "blobs")
        return replace(self.scene, folder=folder, settings=read_settings(config))

    def restored(self, **changes: Any) -> tuple[Scene, Restored]:
        """Back up, lose the machine, and restore."""
        out = self.opened(self.back_up())
        fresh = self.fresh(**changes)
        return fresh, restore(fresh.settings, out, TODAY)


@pytest.fixture
def house(tmp_path: Path) -> House:
    scene = make_scene(tmp_path / "deployment")
    scene.deployment().keys.on(TODAY)
    return House(scene, tmp_path)


def export(scene: Scene, stick: Path) -> None:
    deployment = scene.deployment()
    seal = Seal.of(deployment)
    export_bundle(deployment.store, seal, scene.settings.state, stick, lambda _n: None)


# --- what works goes on working ------------------------------------------------------------------


def test_all_that_is_on_record_is_there_again(house: House, tmp_path: Path) -> None:
    for n in range(3):
        submit(house.scene, f"account {n}")
    export(house.scene, tmp_path / "stick")
    before = house.scene.deployment().store
    fresh, done = house.restored()
    assert {path.name for path in fresh.settings.state.iterdir()} == {
        *("blobs", "courier.json", "intake.db", "restored.json", "server.key", "signing.key"),
        fresh.record.name,
    }
    after = fresh.deployment().store
    assert (done.submissions, done.lost, done.found) == (3, (), ())
    assert after.rows() == before.rows()
    assert after.dump() == before.dump()
    for name in ("server.key", "signing.key"):
        there = fresh.settings.state / name
        assert there.read_bytes() == (house.scene.settings.state / name).read_bytes()
        assert there.stat().st_mode & 0o777 == 0o600
    assert fresh.record.read_bytes() == house.scene.record.read_bytes()
    assert fresh.settings.manifest.read_bytes() == house.scene.settings.manifest.read_bytes()
    assert fresh.settings.root.read_bytes() == house.scene.settings.root.read_bytes()


def test_a_form_that_was_open_can_still_be_sent_and_the_same_form_is_not_doubled(
    house: House,
) -> None:
    client = Client(create_app(house.scene.deployment()))
    unsent = hidden_fields(client.get("/my/submit").text)
    hidden = hidden_fields(client.get("/my/submit").text)
    assert send(client, "words", hidden=hidden).status_code == 303
    receipt = receipt_code(client.get("/my/receipt").text)
    fresh, _ = house.restored()
    visit = Client(create_app(fresh.deployment()))
    for fields in (hidden, unsent):
        fields["csrf_token"] = hidden_fields(visit.get("/my/submit").text)["csrf_token"]
    assert send(visit, "words", hidden=hidden).status_code == 303
    assert receipt_code(visit.get("/my/receipt").text) == receipt
    assert fresh.accounts() == ["words"]
    assert send(visit, "other words", hidden=unsent).status_code == 303
    assert fresh.accounts() == ["other words", "words"]


def test_what_was_acknowledged_is_not_brought_a_second_time(house: House, tmp_path: Path) -> None:
    submit(house.scene, "account")
    stick = ReturnStick(tmp_path / "stick", house.scene.vault, root_hash(house.scene))
    stick.acknowledge(*house.scene.sealed()).write()
    deployment = house.scene.deployment()
    import_return(deployment.store, deployment.keys, stick.folder, TODAY, kept_days=0)
    fresh, done = house.restored()
    assert (done.submissions, done.lost) == (1, ())
    submit(fresh, "account")
    assert fresh.sealed() == []
    again = import_return(fresh.deployment().store, fresh.keys(), stick.folder, TODAY, kept_days=0)
    assert again.again, "which returns were taken is on record too"


def test_bundles_go_on_after_all_before(house: House, tmp_path: Path) -> None:
    submit(house.scene, "account")
    backup = house.opened(house.back_up())
    for _ in range(3):
        export(house.scene, tmp_path / "before")
    fresh = house.fresh()
    restore(fresh.settings, backup, TODAY)
    export(fresh, tmp_path / "after")
    before, after = (read_bundle(tmp_path / n).bundle for n in ("before", "after"))
    assert after.sequence < before.sequence
    assert after.order > before.order
    assert after.restored == TODAY
    again = house.fresh(name="another machine")
    restore(again.settings, house.opened(House(fresh, tmp_path).back_up("second.age")), TODAY)
    export(again, tmp_path / "again")
    assert read_bundle(tmp_path / "again").bundle.order > after.order


def test_no_version_rolls_back(house: House) -> None:
    old = house.scene.settings.manifest.read_bytes()
    house.scene.publish_next()
    house.scene.deployment().keys.on(TODAY)
    fresh, _ = house.restored()
    fresh.deployment().keys.on(TODAY)
    fresh.settings.manifest.write_bytes(old)
    with pytest.raises(ManifestRefused):
        fresh.deployment().keys.on(TODAY)


def test_a_manifest_that_stands_there_and_is_older_is_refused(house: House) -> None:
    old = house.scene.settings.manifest.read_bytes()
    house.scene.publish_next()
    house.scene.deployment().keys.on(TODAY)
    out = house.opened(house.back_up())
    fresh = house.fresh()
    fresh.settings.manifest.write_bytes(old)
    with pytest.raises(ManifestRefused):
        restore(fresh.settings, out, TODAY)
    assert sorted(path.name for path in fresh.settings.state.iterdir()) == ["blobs"]


def test_a_newer_manifest_that_stands_there_stays(house: House) -> None:
    out = house.opened(house.back_up())
    house.scene.publish_next()
    newer = house.scene.settings.manifest.read_bytes()
    fresh = house.fresh()
    fresh.settings.manifest.write_bytes(newer)
    restore(fresh.settings, out, TODAY)
    assert fresh.settings.manifest.read_bytes() == newer
    assert fresh.deployment().keys.on(TODAY).manifest.version == 2


def test_a_closed_epoch_stays_closed(house: House) -> None:
    keys = house.scene.keys()
    keys._high_water.close(["2026-11"])
    fresh, _ = house.restored()
    assert fresh.keys().record().closed == ("2026-11",)


# --- what was deleted stays deleted --------------------------------------------------------------


@pytest.mark.parametrize("deleted_first", [True, False], ids=["before", "after"])
def test_a_reply_that_was_deleted_does_not_come_back(
    house: House, tmp_path: Path, *, deleted_first: bool
) -> None:
    mailbox = Mailbox.of(house.scene)
    stick = ReturnStick(tmp_path / "stick", house.scene.vault, root_hash(house.scene))
    carried = stick.reply(mailbox, "what did you see?")
    deployment = house.scene.deployment()
    import_return(deployment.store, deployment.keys, stick.write(), TODAY, kept_days=0)

    def delete() -> None:
        deployment.store.replies.delete(mailbox.addresses, bytes.fromhex(carried.id), TODAY)

    if deleted_first:
        delete()
    out = house.opened(house.back_up())
    delete()
    fresh = house.fresh()
    restore(fresh.settings, out, TODAY)
    store = fresh.deployment().store
    assert store.replies.held(mailbox.addresses) == (None,) * 8
    again = import_return(store, fresh.keys(), stick.folder, TODAY, kept_days=0)
    assert again.filings == {Filing.KNOWN: 1}
    assert store.replies.held(mailbox.addresses) == (None,) * 8


def test_replies_are_in_no_backup(house: House) -> None:
    mailbox, marker = Mailbox.of(house.scene), os.urandom(32)
    house.scene.deployment().store.replies.file(bytes(16), marker, mailbox.addresses, TODAY)
    with zipfile.ZipFile(house.opened(house.back_up())) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert marker not in everything
    assert marker.hex().encode() not in everything
    assert bytes(16).hex().encode() in everything, "only that it was filed"


@pytest.mark.parametrize("withdrawn_first", [True, False], ids=["before", "after"])
def test_an_account_that_was_withdrawn_does_not_come_back(
    house: House, *, withdrawn_first: bool
) -> None:
    submit(house.scene, "another")
    account = submit(house.scene, "account")
    store = house.scene.deployment().store

    def withdraw() -> None:
        store.leaving.delete([account], acknowledged=False)
        store.sweep()

    if withdrawn_first:
        withdraw()
    out = house.opened(house.back_up())
    withdraw()
    fresh = house.fresh()
    done = restore(fresh.settings, out, TODAY)
    assert account not in {row.id for row in fresh.deployment().store.rows()}
    assert fresh.accounts() == ["another"]
    assert done.lost == (() if withdrawn_first else (account.hex(),))


def test_no_reply_reaches_who_had_withdrawn(house: House) -> None:
    mailbox = Mailbox.of(house.scene)
    store = house.scene.deployment().store
    store.forget(mailbox.keys.submission_address, mailbox.addresses, TODAY)
    fresh, _ = house.restored()
    filing = fresh.deployment().store.replies.file(bytes(16), REPLY, mailbox.addresses, TODAY)
    assert filing is Filing.WITHDRAWN


def test_what_is_lost_is_said_and_can_be_sent_again(house: House) -> None:
    lost, kept = submit(house.scene, "lost"), submit(house.scene, "kept")
    out = house.opened(house.back_up())
    fresh = house.fresh()
    (fresh.settings.blobs / f"{lost.hex()}.age").unlink()
    done = restore(fresh.settings, out, TODAY)
    assert (done.submissions, done.lost) == (1, (lost.hex(),))
    assert [row.id for row in fresh.deployment().store.rows()] == [kept]
    submit(fresh, "lost")
    assert fresh.accounts() == ["kept", "lost"]


def test_a_machine_without_any_sealed_file_is_restored_too(house: House) -> None:
    submit(house.scene, "account")
    fresh, done = house.restored(blobs=False)
    assert (done.submissions, len(done.lost)) == (0, 1)
    assert fresh.deployment().store.count() == 0


def test_what_arrived_after_the_backup_is_taken_in_and_leaves(house: House, tmp_path: Path) -> None:
    out = house.opened(house.back_up())
    late = submit(house.scene, "late")
    fresh = house.fresh()
    done = restore(fresh.settings, out, TODAY)
    assert done.found == (late.hex(),)
    fresh.deployment().store.sweep()
    assert fresh.accounts() == ["late"]
    export(fresh, tmp_path / "stick")
    (carried,) = read_bundle(tmp_path / "stick").bundle.submissions
    assert (carried.id, carried.epoch) == (late.hex(), UNKNOWN_EPOCH)
    with fresh.opened(carried.path(tmp_path / "stick")) as envelope:
        assert envelope.account_text() == "late"


def test_nothing_is_removed_because_a_backup_says_so(house: House, tmp_path: Path) -> None:
    """Its row says acknowledged, and its file is here: nobody knows by whom, if at all."""
    submit(house.scene, "account")
    stick = ReturnStick(tmp_path / "stick", house.scene.vault, root_hash(house.scene))
    stick.acknowledge(*house.scene.sealed()).write()
    deployment = house.scene.deployment()
    import_return(deployment.store, deployment.keys, stick.folder, TODAY, kept_days=1)
    fresh, done = house.restored()
    assert (done.submissions, done.lost, done.found) == (1, (), ())
    (row,) = fresh.deployment().store.rows()
    assert row.acknowledged is None
    sweep(fresh.deployment().store, fresh.keys(), Retention(), TODAY)
    assert fresh.accounts() == ["account"]


def test_a_file_of_another_size_is_taken_in_and_not_removed(house: House) -> None:
    account = submit(house.scene, "account")
    out = house.opened(house.back_up())
    fresh = house.fresh()
    (file,) = fresh.sealed()
    file.write_bytes(file.read_bytes() + b"more")
    done = restore(fresh.settings, out, TODAY)
    assert (done.submissions, done.lost, done.found) == (0, (), (account.hex(),))
    fresh.deployment().store.sweep()
    assert fresh.sealed() == [file]


def test_an_export_does_not_take_the_place_of_a_bundle_from_before(
    house: House, tmp_path: Path
) -> None:
    """The machine and its accounts are lost: what is on the stick is the last copy."""
    out = house.opened(house.back_up())
    submit(house.scene, "last copy")
    stick = tmp_path / "stick"
    export(house.scene, stick)
    fresh = house.fresh(blobs=False)
    restore(fresh.settings, out, TODAY)
    before = everything_in(stick)
    with pytest.raises(BundleBroken, match="import it and then empty the folder"):
        export(fresh, stick)
    assert everything_in(stick) == before
    export(fresh, tmp_path / "another")
    export(fresh, tmp_path / "another")
    assert read_bundle(tmp_path / "another").bundle.restored == TODAY


# --- who made it ---------------------------------------------------------------------------------


@pytest.fixture
def named(house: House) -> House:
    """A house whose manifest names the server's key."""
    key = load_signing_key(house.scene.settings.state).public().key
    house.scene.publish_next(server=key)
    house.scene.deployment().keys.on(TODAY)
    return house


def test_a_backup_that_the_server_signed_is_restored_without_a_warning(named: House) -> None:
    submit(named.scene, "account")
    fresh, done = named.restored()
    assert done.signed
    assert fresh.accounts() == ["account"]


def test_a_backup_whose_manifest_names_no_server_is_restored_and_not_believed(
    house: House,
) -> None:
    _, done = house.restored()
    assert not done.signed


def test_a_backup_that_was_changed_is_refused(named: House) -> None:
    submit(named.scene, "account")
    out = rewritten(a_count_that_goes_back)(named, named.opened(named.back_up()))
    fresh = named.fresh()
    before = everything_in(fresh.folder)
    with pytest.raises(BackupRefused, match="not signed by the server"):
        restore(fresh.settings, out, TODAY)
    assert everything_in(fresh.folder) == before


def test_a_backup_that_nobody_could_restore_is_not_made(named: House) -> None:
    (named.scene.settings.state / "signing.key").unlink()
    with pytest.raises(BackupRefused, match="names another server's key"):
        named.back_up()
    assert not list(named.folder.glob("*backup.age*"))


@pytest.mark.parametrize("kind", ["pipe", "link", "device"])
def test_what_is_no_plain_file_is_refused_at_once(house: House, tmp_path: Path, kind: str) -> None:
    out, file = house.opened(house.back_up()), tmp_path / "odd"
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to(out if kind == "link" else "/dev/zero")
    fresh = house.fresh()
    with pytest.raises(BackupRefused, match="cannot be read"):
        restore(fresh.settings, file, TODAY)
    identity = HybridIdentity(house.scene.admin.backup_seed())
    with pytest.raises(DocumentMalformed, match="cannot be read"):
        open_backup(file, identity, tmp_path / "out", whose="admin", progress=lambda _n: None)
    assert not list(tmp_path.glob("*out*"))


# --- what is no backup for here ------------------------------------------------------------------


def sealed_still(house: House, _out: Path) -> Path:
    return house.back_up("sealed.age")


def of_another_deployment(house: House, _out: Path) -> Path:
    other = House(make_scene(house.folder / "other"), house.folder)
    return other.opened(other.back_up("other.age"))


def cut_short(_house: House, out: Path) -> Path:
    os.truncate(out, out.stat().st_size - 100)
    return out


def empty(_house: House, out: Path) -> Path:
    out.write_bytes(b"")
    return out


def no_zip(_house: House, out: Path) -> Path:
    out.write_bytes(os.urandom(5000))
    return out


def rewritten(change: Callable[[dict[str, bytes]], None]) -> Callable[[House, Path], Path]:
    """Change members of the zip, and write it anew with right checksums of its own."""

    def rewrite(_house: House, out: Path) -> Path:
        with zipfile.ZipFile(out) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        change(members)
        changed = io.BytesIO()
        with zipfile.ZipFile(changed, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        out.write_bytes(changed.getvalue())
        return out

    rewrite.__qualname__ = change.__qualname__
    return rewrite


def a_byte_changed(members: dict[str, bytes]) -> None:
    members["submissions.jsonl"] = members["submissions.jsonl"].replace(b"2026", b"2027")


def a_table_missing(members: dict[str, bytes]) -> None:
    del members["reply_marks.jsonl"]


def the_index_missing(members: dict[str, bytes]) -> None:
    del members["backup.json"]


def a_file_too_many(members: dict[str, bytes]) -> None:
    members["state/../../intake.toml"] = b"x"


def another_format(members: dict[str, bytes]) -> None:
    change_index(members, lambda index: index.update(format="intake-backup-1"))


def no_index(members: dict[str, bytes]) -> None:
    members["backup.json"] = b"[]"


def listed(members: dict[str, bytes], name: str, data: bytes) -> None:
    """Put a member in, with its hash in the index."""
    digest = hashlib.sha256(data).hexdigest()

    def relist(index: dict[str, Any]) -> None:
        index["members"] = [m for m in index["members"] if m["name"] != name]
        index["members"].append({"name": name, "size": len(data), "sha256": digest})

    members[name] = data
    change_index(members, relist)


def change_index(members: dict[str, bytes], change: Callable[[dict[str, Any]], object]) -> None:
    """Change what the index says, under the signatures that it had."""
    envelope = dsse.read_envelope(json.loads(members["backup.json"]))
    index = json.loads(envelope.payload)
    change(index)
    changed = replace(envelope, payload=json.dumps(index).encode())
    members["backup.json"] = dsse.envelope_bytes(changed)


def unlisted(members: dict[str, bytes], prefix: str) -> None:
    """Take members out, also of the index."""
    for name in [name for name in members if name.startswith(prefix)]:
        del members[name]

    def relist(index: dict[str, Any]) -> None:
        index["members"] = [m for m in index["members"] if not m["name"].startswith(prefix)]

    change_index(members, relist)


def a_count_that_goes_back(members: dict[str, bytes]) -> None:
    listed(members, "state/courier.json", b'{"sequence": 1}')


def no_count_of_bundles(members: dict[str, bytes]) -> None:
    unlisted(members, "state/courier.json")


def no_record_of_what_was_seen(members: dict[str, bytes]) -> None:
    unlisted(members, "state/high-water")


def a_day_after_all_days(members: dict[str, bytes]) -> None:
    listed(members, "state/restored.json", b'{"day": "9999-12-31"}')


def a_restored_day_that_is_none(members: dict[str, bytes]) -> None:
    listed(members, "state/restored.json", b'{"day": "soon"}')


def the_same_row_twice(members: dict[str, bytes]) -> None:
    listed(members, "submissions.jsonl", 2 * members["submissions.jsonl"])


def two_rows_of_one_address(members: dict[str, bytes]) -> None:
    row = json.loads(members["submissions.jsonl"])
    other = {**row, "id": "00" * 16, "sameness": "00" * 32}
    data = b"\n".join(json.dumps(r).encode() for r in (row, other))
    listed(members, "submissions.jsonl", data)


def a_number_that_no_database_holds(members: dict[str, bytes]) -> None:
    row = {**json.loads(members["submissions.jsonl"]), "size": 2**64}
    listed(members, "submissions.jsonl", json.dumps(row).encode())


def an_epoch_that_is_none(members: dict[str, bytes]) -> None:
    row = {**json.loads(members["submissions.jsonl"]), "epoch": "../x"}
    listed(members, "submissions.jsonl", json.dumps(row).encode())


def a_line_without_an_end(members: dict[str, bytes]) -> None:
    listed(members, "reply_marks.jsonl", b'{"id": "' + b"0" * 5_000_000)


def a_key_far_too_large(members: dict[str, bytes]) -> None:
    listed(members, "root.pub", bytes(5_000_000))


def a_path_that_leads_out(members: dict[str, bytes]) -> None:
    listed(members, "state/../../intake.toml", b"x")


def a_foreign_state_file(members: dict[str, bytes]) -> None:
    listed(members, "state/intake.db", b"x")


def a_row_that_is_none(members: dict[str, bytes]) -> None:
    listed(members, "withdrawn.jsonl", b'{"address": "00", "day": "2026-11-23"}\n')


def a_server_key_of_another_length(members: dict[str, bytes]) -> None:
    listed(members, "state/server.key", b"x")


def a_manifest_of_another(members: dict[str, bytes]) -> None:
    listed(members, "manifest.json", members["manifest.json"][:-50])


REFUSED = [
    sealed_still,
    of_another_deployment,
    cut_short,
    empty,
    no_zip,
    *(
        rewritten(change)
        for change in (
            *(a_byte_changed, a_table_missing, the_index_missing, a_file_too_many),
            *(another_format, no_index, a_path_that_leads_out, a_foreign_state_file),
            *(a_row_that_is_none, a_server_key_of_another_length, a_manifest_of_another),
            *(no_count_of_bundles, no_record_of_what_was_seen, a_day_after_all_days),
            *(a_restored_day_that_is_none, the_same_row_twice, two_rows_of_one_address),
            *(a_number_that_no_database_holds, an_epoch_that_is_none, a_line_without_an_end),
            a_key_far_too_large,
        )
    ),
]


@pytest.mark.parametrize("change", REFUSED, ids=lambda change: change.__qualname__)
def test_what_is_no_backup_for_here_changes_nothing(
    house: House, change: Callable[[House, Path], Path]
) -> None:
    submit(house.scene, "account")
    out = change(house, house.opened(house.back_up()))
    fresh = house.fresh()
    fresh.settings.root.write_bytes(house.scene.settings.root.read_bytes())
    before = everything_in(fresh.folder)
    with pytest.raises(BackupRefused) as refused:
        restore(fresh.settings, out, TODAY)
    assert everything_in(fresh.folder) == before
    assert "\n" not in str(refused.value)


def everything_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", ["server.key", "intake.db", "high-water.lock", "anything"])
def test_a_state_folder_in_use_is_left_alone(house: House, name: str) -> None:
    out = house.opened(house.back_up())
    fresh = house.fresh()
    (fresh.settings.state / name).write_bytes(b"mine")
    before = everything_in(fresh.folder)
    with pytest.raises(BackupRefused, match="is in use"):
        restore(fresh.settings, out, TODAY)
    assert everything_in(fresh.folder) == before


def test_nothing_is_written_over_by_a_backup(house: House) -> None:
    file = house.back_up()
    before = file.read_bytes()
    with pytest.raises(BackupRefused, match="is there already"):
        house.back_up()
    assert file.read_bytes() == before


def test_a_backup_opens_for_every_admin_and_for_nobody_else(house: House) -> None:
    file = house.back_up()
    assert zipfile.is_zipfile(house.opened(file))
    with file.open("rb") as sealed, pytest.raises(IntakeError):
        open_age(sealed, [house.scene.reviewer])


def test_nothing_of_a_backup_is_ever_in_the_clear(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in the file, and not beside it: not in the file that is made, at any block."""
    submit(house.scene, "account")
    state = house.scene.settings.state
    secrets = [(state / name).read_bytes() for name in ("server.key",)]
    secrets += [house.scene.deployment().store.dump()["submissions"][0]["address"].hex().encode()]  # type: ignore[attr-defined]
    place = house.folder / "stick"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    file = place / "backup.age"
    make_backup(house.scene.deployment(), file)
    assert [path.name for path in place.iterdir()] == ["backup.age"]
    assert not any(secret in file.read_bytes() for secret in secrets)
    assert b"jsonl" not in file.read_bytes()


# --- databases elsewhere -------------------------------------------------------------------------


def test_a_database_elsewhere_is_filled_once(house: House, database: str) -> None:
    store = Store.open(database=database, blobs=house.folder / "unused")
    empty_tables(store)
    submit(house.scene, "account")
    out = house.opened(house.back_up())
    fresh = house.fresh(database=database)
    assert restore(fresh.settings, out, TODAY).submissions == 1
    assert fresh.accounts() == ["account"]
    assert store.dump() == house.scene.deployment().store.dump()
    restore(house.fresh(name="other", database=database).settings, out, TODAY)  # as after a kill
    commit(store, "code", "more")
    before = store.dump()
    third = house.fresh(name="third", database=database)
    with pytest.raises(BackupRefused, match="is in use"):
        restore(third.settings, out, TODAY)
    assert [path.name for path in third.settings.state.iterdir()] == ["blobs"]
    assert store.dump() == before
    store._engine.dispose()


# --- killed --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "elsewhere"),
    [(False, False), (True, True)],
    ids=["before, database in the state folder", "after, database elsewhere"],
)
def test_a_restoration_killed_at_any_step_is_whole_or_not_begun(
    house: House, *, after: bool, elsewhere: bool
) -> None:
    for n in range(2):
        submit(house.scene, f"account {n}")
    out = house.opened(house.back_up())
    late = submit(house.scene, "late")
    machines: dict[int, Settings] = {}

    def machine(step: int) -> Callable[[], object]:
        database = f"sqlite:///{house.folder}/{step}.db" if elsewhere else ""
        machines[step] = house.fresh(name=f"machine {step}", database=database).settings
        return lambda: restore(machines[step], out, TODAY)

    for step in every_kill(machine, after=after):
        settings = machines[step]
        finish_restoration(settings.state)
        if not (settings.state / "server.key").exists():
            restore(settings, out, TODAY)
        fresh = replace(house.scene, folder=settings.state.parent, settings=settings)
        assert fresh.accounts() == ["account 0", "account 1", "late"]
        rows = {row.id: row.epoch for row in fresh.deployment().store.rows()}
        assert (len(rows), rows[late]) == (3, UNKNOWN_EPOCH)
        assert not list(settings.state.glob(".*"))
        for name in ("server.key", "signing.key"):
            ours = house.scene.settings.state / name
            assert (settings.state / name).read_bytes() == ours.read_bytes()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_backup_killed_at_any_step_is_none_or_whole(house: House, *, after: bool) -> None:
    submit(house.scene, "account")
    deployment = house.scene.deployment()

    def work(step: int) -> Callable[[], object]:
        return lambda: make_backup(deployment, house.folder / f"{step}.age")

    for step in every_kill(work, after=after):
        file = house.folder / f"{step}.age"
        if not file.exists():
            make_backup(deployment, file)
        assert zipfile.is_zipfile(house.opened(file))
        assert not list(house.folder.glob(f".{step}.age*"))
