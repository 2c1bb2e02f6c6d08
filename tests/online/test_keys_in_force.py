"""Which keys the server believes, and that it rather takes nothing than seals to nobody."""

from __future__ import annotations

import datetime as dt
import errno
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import Client

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_age
from intake.errors import ClockSetBack, IntakeError, ManifestRefused, NoEpochInForce, NotForUs
from intake.manifest import dsse
from intake.manifest.acceptance import verify_history
from intake.manifest.chain import parse_chain, serialise_chain
from intake.manifest.model import Epoch, Manifest, Recipient, Role, Root
from intake.manifest.outlook import WARNING_DAYS
from intake.online import manifest_file
from intake.online.refusal import Reason
from intake.online.witness.app import create_app
from tests.support.deployments import HEIR, NOON, TODAY, Scene, hidden_fields, make_scene, send

A_DAY = dt.timedelta(days=1)
DAY_SECONDS = 24 * 3600
DECEMBER = dt.date(2026, 12, 1)


def version(scene: Scene, number: int, **changes: object) -> Manifest:
    return replace(scene.manifest, version=number, **changes)  # type: ignore[arg-type]


def second(scene: Scene, **changes: object) -> None:
    """Put a second version there by hand."""
    scene.publish(scene.manifest, version(scene, 2, **changes))


def with_december(scene: Scene, *recipients: Recipient) -> tuple[Epoch, ...]:
    november = scene.manifest.epochs[0]
    ends = dt.date(2027, 1, 1)
    return (november, Epoch("2026-12", DECEMBER, ends, recipients or (HEIR,)))


def test_the_epoch_of_the_day_is_in_force(scene: Scene) -> None:
    in_force = scene.keys().on(TODAY)
    assert in_force.epoch.id == "2026-11"
    assert [str(r) for r in in_force.reviewers] == [str(scene.reviewer.recipient())]
    assert in_force.custodians == ()


def test_a_new_manifest_is_used_without_a_restart(scene: Scene) -> None:
    found = scene.keys()
    assert found.on(TODAY).manifest.version == 1
    second(scene)
    assert found.on(TODAY).manifest.version == 2


def test_a_manifest_rolled_back_is_refused_also_after_a_restart(scene: Scene) -> None:
    second(scene)
    assert scene.keys().on(TODAY).manifest.version == 2
    scene.publish(scene.manifest)
    for _ in range(2):
        with pytest.raises(ManifestRefused, match="version 2 has been accepted before"):
            scene.keys().on(TODAY)


@pytest.mark.parametrize("day", [dt.date(2026, 10, 31), dt.date(2026, 12, 1), dt.date(2030, 1, 1)])
def test_outside_every_epoch_nobody_is_sealed_to(scene: Scene, day: dt.date) -> None:
    with pytest.raises((NoEpochInForce, ManifestRefused)):
        scene.keys().on(day)


def test_a_running_server_stops_when_its_epoch_ends(scene: Scene) -> None:
    found = scene.keys()
    found.on(TODAY)
    with pytest.raises(NoEpochInForce):
        found.on(dt.date(2026, 12, 1))


def broken(scene: Scene, how: str) -> None:
    manifest = scene.folder / "manifest.json"
    data = manifest.read_bytes()
    later = replace(scene.manifest.epochs[0], begins=TODAY + dt.timedelta(days=1))
    match how:
        case "missing":
            manifest.unlink()
        case "truncated":
            manifest.write_bytes(data[:-100])
        case "empty":
            manifest.write_bytes(b"")
        case "not json":
            manifest.write_bytes(b"\xff\x00")
        case "changed":
            manifest.write_bytes(data.replace(b'"keyid": "', b'"keyid": "0', 1))
        case "expired":
            second(scene, expires=TODAY - dt.timedelta(days=1))
        case "revoked epoch":
            second(scene, revocations=("2026-11",))
        case "revoked recipient":
            second(scene, revocations=(str(scene.reviewer.recipient()),))
        case "no epochs":
            second(scene, epochs=())
        case "not yet":
            second(scene, epochs=(later,))
        case "nobody in it":
            second(scene, epochs=(Epoch("2026-11", TODAY, TODAY + dt.timedelta(days=9), ()),))
        case "a directory":
            manifest.unlink()
            manifest.mkdir()


@pytest.mark.parametrize(
    "how",
    [
        "missing",
        "truncated",
        "empty",
        "not json",
        "changed",
        "expired",
        "revoked epoch",
        "revoked recipient",
        "no epochs",
        "not yet",
        "nobody in it",
        "a directory",
    ],
)
def test_on_a_bad_day_the_pages_say_so_and_nothing_is_taken(
    scene: Scene, client: Client, how: str
) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    broken(scene, how)
    with pytest.raises(IntakeError):
        scene.keys().on(TODAY)
    for answer in (client.get("/en/submit"), send(client, "စာ", hidden=hidden, lang="en")):
        assert answer.status_code == 503
        assert Reason.NO_KEYS.sentence in answer.text
    assert "စာ" in answer.text
    assert client.get("/keys/recipients.txt").status_code == 503
    assert scene.sealed() == []
    assert list((scene.folder / "state" / "blobs").iterdir()) == []


def test_an_upload_ends_under_the_manifest_it_began_with(scene: Scene) -> None:
    deployment = scene.deployment()
    began = deployment.keys.on(TODAY)
    second(scene, epochs=())
    with pytest.raises(NoEpochInForce):
        deployment.keys.on(TODAY)
    assert began.epoch.id == "2026-11"
    assert began.manifest.version == 1


def test_recipients_and_manifest_are_served(scene: Scene, client: Client) -> None:
    lines = client.get("/keys/recipients.txt").text.splitlines()
    assert lines == ["# 2026-11", str(scene.reviewer.recipient())]
    served = client.get("/keys/manifest.json")
    assert served.data == (scene.folder / "manifest.json").read_bytes()
    assert "2026-11" in client.get("/en/keys").text


def test_a_missing_root_is_said_when_the_server_starts(scene: Scene) -> None:
    (scene.folder / "root.pub").unlink()
    with pytest.raises(ManifestRefused, match=r"root\.pub there"):
        create_app(scene.deployment())


def test_a_root_is_pinned_when_the_server_starts(scene: Scene) -> None:
    server = scene.deployment()
    scene.settings.root.write_bytes(make_scene(scene.folder / "other").settings.root.read_bytes())
    assert server.keys.on(TODAY).manifest.version == 1
    with pytest.raises(ManifestRefused):
        scene.keys().on(TODAY)


# --- installing ----------------------------------------------------------------------------------


def test_what_is_installed_is_in_force_in_every_worker_at_once(scene: Scene) -> None:
    workers = [scene.keys() for _ in range(3)]
    assert [worker.on(TODAY).manifest.version for worker in workers] == [1, 1, 1]
    data = scene.manifest_file(scene.manifest, version(scene, 2))
    assert scene.keys().install(data, TODAY).version == 2
    assert scene.settings.manifest.read_bytes() == data
    assert [worker.on(TODAY).manifest.version for worker in workers] == [2, 2, 2]


def test_a_file_that_is_copied_over_the_old_one_works_too(scene: Scene) -> None:
    found = scene.keys()
    assert found.on(TODAY).manifest.version == 1
    scene.settings.manifest.write_bytes(scene.manifest_file(scene.manifest, version(scene, 2)))
    assert found.on(TODAY).manifest.version == 2
    assert scene.keys().record().seen.version == 2


def test_the_first_manifest_can_be_installed_where_there_is_none(scene: Scene) -> None:
    data = scene.settings.manifest.read_bytes()
    scene.settings.manifest.unlink()
    found = scene.keys()
    found.install(data, TODAY)
    assert found.on(TODAY).manifest.version == 1


def test_the_same_file_can_be_installed_again(scene: Scene) -> None:
    for _ in range(2):
        assert scene.keys().install(scene.settings.manifest.read_bytes(), TODAY).version == 1


def test_a_manifest_that_takes_nothing_can_be_installed(scene: Scene) -> None:
    """To stop at once is what the admins may want."""
    found = scene.keys()
    found.install(
        scene.manifest_file(scene.manifest, version(scene, 2, revocations=("2026-11",))), TODAY
    )
    with pytest.raises(NoEpochInForce):
        found.on(TODAY)


def unsigned(scene: Scene) -> bytes:
    first, *rest = parse_chain(scene.manifest_file(scene.manifest, *versions_to(scene, 3)))
    return serialise_chain([first, *(replace(envelope, signatures=()) for envelope in rest)])


def versions_to(scene: Scene, number: int, **changes: object) -> Sequence[Manifest]:
    """Return the versions after the first; the last is changed."""
    return (
        *(version(scene, n) for n in range(2, number)),
        version(scene, number, **changes),
    )


def of_another_deployment(scene: Scene) -> bytes:
    other = make_scene(scene.folder / "other")
    return other.manifest_file(other.manifest, *versions_to(other, 3))


REFUSED: dict[str, tuple[str, Callable[[Scene], bytes]]] = {
    "empty": ("no manifest file", lambda _scene: b""),
    "truncated": (
        "no manifest file",
        lambda s: s.manifest_file(s.manifest, *versions_to(s, 3))[:-100],
    ),
    "not JSON": ("no manifest file", lambda _scene: b"\xff\x00"),
    "JSON of something else": ("no manifest file", lambda _scene: b"{}"),
    "a root": ("no manifest file", lambda s: s.settings.root.read_bytes()),
    "one envelope alone": (
        "no manifest file",
        lambda s: dsse.envelope_bytes(parse_chain(s.manifest_file(s.manifest))[0]),
    ),
    "no version": ("is empty", lambda _scene: serialise_chain([])),
    "signed by nobody": ("too few", unsigned),
    "another deployment's": ("too few", of_another_deployment),
    "another organisation's": (
        "another organisation",
        lambda s: s.manifest_file(s.manifest, *versions_to(s, 3, organisation="Other")),
    ),
    "rolled back": ("version 2 has been accepted", lambda s: s.manifest_file(s.manifest)),
    "a fork": (
        "Another version 2",
        lambda s: s.manifest_file(s.manifest, version(s, 2, revocations=("x",)), version(s, 3)),
    ),
    "expired": (
        "expired",
        lambda s: s.manifest_file(s.manifest, *versions_to(s, 3, expires=TODAY - A_DAY)),
    ),
    "a classical recipient": (
        "no post-quantum",
        lambda s: s.manifest_file(
            s.manifest,
            *versions_to(
                s,
                3,
                epochs=(Epoch("x", TODAY, DECEMBER, (Recipient("r", Role.REVIEWERS, "age1"),)),),
            ),
        ),
    ),
}


def unchanged(scene: Scene, attempt: Callable[[], object]) -> None:
    """Expect that an attempt leaves the file, the record and every name in both folders alone."""
    files = (scene.settings.manifest, scene.record)

    def look() -> object:
        names = sorted(
            path.name for folder in {f.parent for f in files} for path in folder.iterdir()
        )
        return names, [(path.read_bytes(), path.stat().st_ino) for path in files]

    before = look()
    attempt()
    assert look() == before


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_leaves_the_old_file_as_it_was(scene: Scene, name: str) -> None:
    second(scene)
    found = scene.keys()
    found.on(TODAY)
    sentence, make = REFUSED[name]
    data = make(scene)

    def attempt() -> None:
        with pytest.raises(ManifestRefused, match=sentence):
            scene.keys().install(data, TODAY)

    unchanged(scene, attempt)
    assert found.on(TODAY).manifest.version == 2


def test_nothing_is_installed_while_the_clock_is_set_back(scene: Scene) -> None:
    found = scene.keys()
    found.on(TODAY + A_DAY)
    data = scene.manifest_file(scene.manifest, version(scene, 2))

    def attempt() -> None:
        with pytest.raises(ClockSetBack, match="reset-day"):
            found.install(data, TODAY)

    unchanged(scene, attempt)
    found.confirm_day(TODAY)
    assert found.install(data, TODAY).version == 2


def test_a_full_disk_leaves_the_old_manifest_in_force(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = scene.keys()
    found.on(TODAY)
    data = scene.manifest_file(scene.manifest, version(scene, 2))

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def attempt() -> None:
        with monkeypatch.context() as patched:
            patched.setattr("os.fsync", full)
            with pytest.raises(OSError, match="No space"):
                found.install(data, TODAY)

    unchanged(scene, attempt)
    assert found.on(TODAY).manifest.version == 1
    found.install(data, TODAY)


def test_a_new_manifest_in_the_middle_of_a_look_refuses_nobody(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading the old file and asking what was seen, somebody installs the next."""
    second(scene)
    data = scene.manifest_file(scene.manifest, *versions_to(scene, 3))
    left = [data]

    def slow(root: Root, chain: Sequence[dsse.Envelope]) -> tuple[Manifest, ...]:
        if left:
            scene.keys().install(left.pop(), TODAY)
        return verify_history(root, chain)

    monkeypatch.setattr(manifest_file, "verify_history", slow)
    assert scene.keys().on(TODAY).manifest.version == 3
    assert not left


@pytest.mark.parametrize("how", ["well", "truncated", "expired", "rolled back"])
def test_a_file_is_verified_once_and_not_at_every_visit(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    second(scene)
    scene.keys().on(TODAY)
    match how:
        case "truncated":
            scene.settings.manifest.write_bytes(scene.settings.manifest.read_bytes()[:-100])
        case "expired":
            scene.publish(scene.manifest, *versions_to(scene, 3, expires=TODAY - A_DAY))
        case "rolled back":
            scene.publish(scene.manifest)
    read: list[int] = []

    def parse(data: bytes) -> tuple[dsse.Envelope, ...]:
        read.append(len(data))
        return parse_chain(data)

    monkeypatch.setattr(manifest_file, "parse_chain", parse)
    found = scene.keys()
    for _ in range(20):
        try:
            found.on(TODAY)
        except ManifestRefused:
            assert how != "well"
    assert len(read) == 1
    scene.publish(scene.manifest, *versions_to(scene, 3))
    assert found.on(TODAY).manifest.version == 3


# --- the record of what was seen -----------------------------------------------------------------


def test_a_damaged_record_is_no_reason_to_believe_an_older_file(scene: Scene) -> None:
    second(scene)
    found = scene.keys()
    found.on(TODAY)
    scene.publish(scene.manifest)
    scene.record.write_bytes(b"")
    for worker in (found, scene.keys()):
        with pytest.raises(ManifestRefused, match="damaged"):
            worker.on(TODAY)


def spaced(data: bytes) -> bytes:
    return json.dumps(json.loads(data), indent=4).encode()


@pytest.mark.parametrize(
    "edit", [lambda data: data + b"\n", lambda data: data.replace(b"\n", b"\r\n"), spaced]
)
def test_a_root_that_only_looks_different_forgets_nothing(
    scene: Scene, edit: Callable[[bytes], bytes]
) -> None:
    """An editor adds a line end: the newest version, the latest day and what is closed stay."""
    second(scene, epochs=with_december(scene))
    found = scene.keys()
    found.on(dt.date(2026, 12, 20))
    found.close(dt.date(2026, 12, 20), 24)
    before = found.record()
    root = scene.settings.root.read_bytes()
    scene.settings.root.write_bytes(edit(root))
    assert scene.settings.root.read_bytes() != root
    assert scene.keys().record() == before
    with pytest.raises(ClockSetBack):
        scene.keys().on(TODAY)
    with pytest.raises(ManifestRefused, match="version 2 has been accepted before"):
        scene.keys().install(scene.manifest_file(scene.manifest), dt.date(2026, 12, 20))
    assert scene.keys().record() == before


def test_another_root_pinned_by_mistake_forgets_nothing_either(scene: Scene) -> None:
    second(scene)
    scene.keys().on(TODAY)
    before = scene.keys().record()
    root, manifest = scene.settings.root.read_bytes(), scene.settings.manifest.read_bytes()
    other = make_scene(scene.folder / "other")
    scene.settings.root.write_bytes(other.settings.root.read_bytes())
    scene.settings.manifest.write_bytes(other.settings.manifest.read_bytes())
    assert scene.keys().on(TODAY + A_DAY).manifest.version == 1
    scene.settings.root.write_bytes(root)
    scene.settings.manifest.write_bytes(manifest)
    assert scene.keys().record() == before
    assert scene.keys().on(TODAY).manifest.version == 2


def test_a_state_folder_that_cannot_be_used_is_named_as_the_cause(scene: Scene) -> None:
    (scene.settings.state / "high-water.lock").mkdir()
    with pytest.raises(ManifestRefused, match="state folder"):
        scene.keys().on(TODAY)


def test_of_a_file_that_is_rolled_back_nothing_is_told(scene: Scene) -> None:
    """Neither its history nor which epochs it calls closed: an older one may call too many so."""
    longer = replace(scene.manifest.epochs[0], ends=dt.date(2027, 6, 1))
    second(scene, epochs=(longer,))
    found = scene.keys()
    found.on(TODAY)
    scene.publish(scene.manifest)
    with pytest.raises(ManifestRefused, match="accepted before"):
        found.history()
    with pytest.raises(ManifestRefused, match="accepted before"):
        found.close(dt.date(2027, 2, 1), 24)
    assert found.record().closed == ()


# --- the clock -----------------------------------------------------------------------------------


def test_a_clock_set_back_is_refused_on_the_pages_and_after_a_restart(scene: Scene) -> None:
    now = NOON
    deployment = replace(scene.deployment(), clock=lambda: now)
    client = Client(create_app(deployment))
    hidden = hidden_fields(client.get("/en/submit").text)
    now = NOON - DAY_SECONDS
    restarted = Client(create_app(scene.deployment(now=now)))
    for visitor in (client, restarted):
        assert visitor.get("/en/submit").status_code == 503
    answer = send(client, "စာ", hidden=hidden, lang="en")
    assert answer.status_code == 503
    assert "စာ" in answer.text
    with pytest.raises(ClockSetBack, match=r"2026-11-22.*2026-11-23.*reset-day"):
        deployment.keys.on(TODAY - A_DAY)
    assert scene.sealed() == []

    scene.keys().confirm_day(TODAY - A_DAY)
    assert send(client, "စာ", lang="en").status_code == 303
    now = NOON
    assert send(client, "စာ", lang="en").status_code == 303


def test_what_one_worker_has_seen_binds_the_others(scene: Scene) -> None:
    """A clock that runs ahead for a moment, and is seen by one worker alone."""
    one, other = scene.keys(), scene.keys()
    assert one.on(TODAY).epoch.id == "2026-11"
    other.on(TODAY + A_DAY)
    with pytest.raises(ClockSetBack):
        one.on(TODAY)


def test_a_clock_set_far_forward_is_remembered(scene: Scene) -> None:
    second(scene, epochs=with_december(scene))
    found = scene.keys()
    found.on(TODAY)
    found.on(TODAY + 8 * A_DAY)
    assert found.record().jump == (TODAY, TODAY + 8 * A_DAY)
    found.confirm_day(TODAY)
    assert found.record().jump is None


def test_an_epoch_called_closed_is_never_sealed_to_again(scene: Scene) -> None:
    second(scene, epochs=with_december(scene))
    worker, courier = scene.keys(), scene.keys()
    assert worker.on(TODAY).epoch.id == "2026-11"
    courier.confirm_day(dt.date(2026, 12, 3))
    assert courier.close(dt.date(2026, 12, 3), 24) == ("2026-11",)
    # The clock was wrong then; the reviewers may have destroyed the keys all the same.
    courier.confirm_day(TODAY)
    for found in (worker, courier, scene.keys()):
        with pytest.raises(NoEpochInForce, match=r"closed.*shows 2026-11-23.*'intake-keys end"):
            found.on(TODAY)
    courier.confirm_day(TODAY)
    for found in (worker, courier, scene.keys()):
        with pytest.raises(NoEpochInForce, match="closed"):
            found.on(TODAY)
        assert found.on(DECEMBER).epoch.id == "2026-12"
        found.confirm_day(TODAY)


def test_nothing_is_closed_by_a_clock_that_is_set_back(scene: Scene) -> None:
    second(scene, epochs=with_december(scene))
    found = scene.keys()
    found.on(dt.date(2026, 12, 20))
    with pytest.raises(ClockSetBack):
        found.close(dt.date(2026, 12, 19), 24)
    assert found.close(dt.date(2026, 12, 20), 24) == ("2026-11",)


def test_epochs_close_also_when_the_manifest_has_expired(scene: Scene) -> None:
    second(scene, expires=TODAY)
    found = scene.keys()
    found.confirm_day(dt.date(2026, 11, 30))
    assert found.close(dt.date(2026, 12, 2), 24) == ()
    assert found.close(dt.date(2026, 12, 3), 24) == ("2026-11",)


def test_a_server_left_alone_goes_from_epoch_to_epoch(scene: Scene) -> None:
    next_reviewer = HybridIdentity.generate()
    heir = Recipient("heir", Role.REVIEWERS, str(next_reviewer.recipient()))
    second(scene, epochs=with_december(scene, heir))
    now = dt.datetime(2026, 11, 30, 23, 59, 59, tzinfo=dt.UTC).timestamp()
    client = Client(create_app(replace(scene.deployment(), clock=lambda: now)))
    send(client, "in November")
    now += 1
    send(client, "in December")
    rows = list(scene.deployment().store.submissions())
    assert sorted((row.epoch, row.day) for row in rows) == [
        ("2026-11", dt.date(2026, 11, 30)),
        ("2026-12", DECEMBER),
    ]
    november, december = (
        scene.settings.blobs / f"{row.id.hex()}.age" for row in sorted(rows, key=lambda r: r.epoch)
    )
    assert opens(november, scene.reviewer)
    assert not opens(november, next_reviewer)
    assert opens(december, next_reviewer)
    assert not opens(december, scene.reviewer)


def opens(path: Path, identity: HybridIdentity) -> bool:
    with path.open("rb") as sealed:
        try:
            open_age(sealed, [identity])
        except NotForUs:
            return False
    return True


# --- the warning ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days_before", "warned"), [(30, False), (15, False), (14, True), (2, True), (1, True)]
)
def test_from_fourteen_days_before_the_end_the_admins_are_warned(
    scene: Scene,
    days_before: int,
    warned: bool,  # noqa: FBT001  # a column of the table
) -> None:
    assert WARNING_DAYS == 14
    today = DECEMBER - days_before * A_DAY
    found = scene.keys().on(today)
    assert found.covered_until == DECEMBER
    warning = found.warning(today)
    assert (warning is not None) == warned
    if warning is not None:
        assert "2026-12-01" in warning
        assert "intake-keys rotate" in warning


def test_the_log_warns_once_a_day_whatever_the_workers(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    workers = [scene.keys() for _ in range(3)]
    for days_before in (15, 14, 13):
        for worker in workers * 2:
            worker.on(DECEMBER - days_before * A_DAY)
        scene.keys().on(DECEMBER - days_before * A_DAY)  # as after a restart
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert all("2026-12-01" in message for message in caplog.messages)


def test_whoever_only_looks_takes_no_warning_from_the_log_and_remembers_no_day(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    today = DECEMBER - A_DAY
    command, server = scene.keys(), scene.keys()
    assert command.look(today).warning(today)
    assert command.record().seen.day == dt.date.min
    assert caplog.records == []
    server.on(today)
    assert len(caplog.records) == 1
    assert command.record().seen.day == today
    with pytest.raises(ClockSetBack):
        command.look(today - A_DAY)


def test_a_look_before_keeps_no_day_from_being_remembered(scene: Scene) -> None:
    found = scene.keys()
    found.look(TODAY)
    found.on(TODAY)
    assert found.record().seen.day == TODAY
    scene.keys().confirm_day(TODAY)
    found.on(TODAY)
    assert found.record().seen.day == TODAY


def test_who_is_covered_far_ahead_is_not_warned(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    second(scene, epochs=with_december(scene))
    found = scene.keys()
    assert found.on(TODAY).warning(TODAY) is None
    assert found.on(DECEMBER - A_DAY).warning(DECEMBER - A_DAY) is None
    assert caplog.records == []
