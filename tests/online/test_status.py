"""What an admin is told: every bad day, with its cause and the command that mends it."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from werkzeug.test import Client

from intake.age.opening.hybrid import HybridIdentity
from intake.manifest import dsse
from intake.manifest.chain import parse_chain, serialise_chain
from intake.manifest.model import Epoch, Manifest, Recipient, Role, SigningKey
from intake.manifest.signing import SigningIdentity
from intake.online.on_the_way import Carried, OnTheWay
from intake.online.signing_key import load_signing_key
from intake.online.status import Exposed, Status, look
from intake.online.store.leaving import Quorum, keyid_of
from intake.online.witness.app import create_app
from tests.support.deployments import HEIR, TODAY, Scene, make_scene, send, submit

A_DAY = dt.timedelta(days=1)
#: What every reader of ``intake status --json`` may rely on.
PROMISED = {
    "submissions",
    "unacknowledged",
    "replies",
    "epoch",
    "epoch_ends",
    "manifest_version",
    "problems",
}
#: A command that somebody can type, or the setting or file to look at.
MENDS = re.compile(
    r"'intake(-keys)? [a-z-]+|store\.(state|database)|restore it from a backup|root\.pub there"
)


def server_key(scene: Scene) -> SigningKey:
    return load_signing_key(scene.settings.state).public().key


def good(scene: Scene, number: int = 1, **changes: object) -> Manifest:
    """Return a version with nothing to complain of: it names this server, and reaches far."""
    november = scene.manifest.epochs[0]
    epochs = (
        november,
        Epoch("long", november.ends, dt.date(2027, 6, 1), (HEIR,)),
    )
    ours = replace(scene.manifest, version=number, server=server_key(scene), epochs=epochs)
    return replace(ours, **changes)  # type: ignore[arg-type]


def status(scene: Scene, today: dt.date = TODAY) -> Status:
    return look(scene.settings, scene.keys(), today)


@pytest.fixture
def well(scene: Scene) -> Scene:
    scene.publish(good(scene))
    return scene


def test_on_a_good_day_all_is_told_and_nothing_is_wrong(well: Scene) -> None:
    client = Client(create_app(well.deployment()))
    for n in range(3):
        send(client, f"account {n}")
    told = status(well)
    assert (told.submissions, told.unacknowledged, told.replies) == (3, 3, 0)
    assert (told.epoch, told.epoch_ends, told.manifest_version) == ("2026-11", "2026-12-01", 1)
    assert told.covered_until == "2027-06-01"
    assert (told.revocations, told.exposed, told.problems) == ((), (), ())


def test_what_is_on_the_way_is_told(well: Scene) -> None:
    """Never left, left with a bundle, acknowledged by some, by enough, and about to be removed."""
    vaults = (well.vault, SigningIdentity.generate("other"))
    named = tuple(vault.public() for vault in vaults)
    well.publish_next(vaults=named, acks_required=2, epochs=with_reviewers(well, "other"))
    ids = [submit(well, f"account {n}") for n in range(6)]
    store = well.deployment().store
    store.leaving.note_bundle(3, dict.fromkeys(ids[1:4], bytes(32)))
    store.leaving.note_bundle(4, dict.fromkeys(ids[1:5], bytes(32)))
    for vault, acknowledged in zip(vaults, (ids[2:4], ids[3:4]), strict=True):
        store.leaving.acknowledge(keyid_of(vault.public()), acknowledged)
    store.leaving.settle(Quorum.of(well.published[-1]), TODAY)
    store.leaving.warn(ids[:1], TODAY)
    told = status(well)
    assert (told.submissions, told.unacknowledged) == (6, 5)
    assert told.on_the_way == OnTheWay(
        never_left=2,
        carried=(Carried(3, 2), Carried(4, 1)),
        acknowledged_by_some=1,
        acknowledged_here=1,
        replies_filed=0,
        replies_waiting=0,
        warned=1,
        removal=(TODAY + 180 * A_DAY).isoformat(),
    )
    (problem,) = told.problems
    assert problem.startswith("1 submission will be removed from 2027-05-22 on")
    assert "'intake export DIR'" in problem


def test_that_no_vault_can_acknowledge_anything_is_told(well: Scene) -> None:
    well.publish_next(vaults=())
    (problem,) = status(well).problems
    assert "nothing is ever deleted" in problem


def with_reviewers(scene: Scene, *names: str) -> tuple[Epoch, ...]:
    """Return the epochs of the newest version, with these reviewers in the first too."""
    first, *others = scene.published[-1].epochs
    keys = (str(HybridIdentity.generate().recipient()) for _ in names)
    more = tuple(Recipient(n, Role.REVIEWERS, k) for n, k in zip(names, keys, strict=True))
    return replace(first, recipients=(*first.recipients, *more)), *others


def test_vaults_without_a_key_of_the_epoch_in_force_are_told(well: Scene) -> None:
    other = SigningIdentity.generate("other")
    vaults = (well.vault.public(), other.public())
    well.publish_next(vaults=vaults, acks_required=2)
    (problem,) = status(well).problems
    assert "1 has a reviewer's key in the epoch in force, and it asks 2" in problem
    assert "'intake-keys add-recipients FILE'" in problem
    well.publish_next(epochs=with_reviewers(well, "other"))
    assert status(well).problems == ()
    key = well.published[-1].epochs[0].recipients[-1].recipient
    well.publish_next(revocations=(key,))
    (problem,) = status(well).problems
    assert "1 has a reviewer's key" in problem


def test_sealed_files_that_are_lost_are_told(well: Scene) -> None:
    lost = submit(well, "lost")
    submit(well, "here")
    (well.settings.blobs / f"{lost.hex()}.age").unlink()
    (problem,) = status(well).problems
    assert problem.startswith(
        f"Submissions that have lost their files, or a part of them: 1 ({lost.hex()}"
    )


def test_it_is_json_with_all_that_was_promised(well: Scene) -> None:
    document = json.loads(json.dumps(status(well).to_json()))
    assert document.keys() >= PROMISED
    assert document["problems"] == []


def test_status_changes_nothing_that_the_server_believes(well: Scene) -> None:
    well.keys().on(TODAY)
    files = (well.settings.manifest, well.record)
    before = [path.read_bytes() for path in files]
    for days in (0, 1, 400):
        status(well, TODAY + days * A_DAY)
    assert [path.read_bytes() for path in files] == before
    assert list(well.settings.blobs.iterdir()) == []


# --- every bad day -------------------------------------------------------------------------------


def missing(scene: Scene) -> None:
    scene.settings.manifest.unlink()


def no_root(scene: Scene) -> None:
    scene.settings.root.unlink()


def a_damaged_root(scene: Scene) -> None:
    scene.settings.root.write_bytes(b"{")


def truncated(scene: Scene) -> None:
    scene.settings.manifest.write_bytes(scene.settings.manifest.read_bytes()[:-100])


def not_json(scene: Scene) -> None:
    scene.settings.manifest.write_bytes(b"\xff\x00")


def empty(scene: Scene) -> None:
    scene.settings.manifest.write_bytes(serialise_chain([]))


def expired(scene: Scene) -> None:
    scene.publish(good(scene), good(scene, 2, expires=TODAY - A_DAY))


def signed_by_too_few(scene: Scene) -> None:
    first, second = parse_chain(scene.manifest_file(good(scene), good(scene, 2)))
    second = replace(second, signatures=second.signatures[:1])
    scene.settings.manifest.write_bytes(serialise_chain([first, second]))


def rolled_back(scene: Scene) -> None:
    scene.publish(good(scene), good(scene, 2))
    scene.keys().on(TODAY)
    scene.publish(good(scene))


def forked(scene: Scene) -> None:
    scene.keys().on(TODAY)
    scene.publish(good(scene, expires=TODAY))


def another_organisations(scene: Scene) -> None:
    scene.publish(good(scene), good(scene, 2, organisation="Other"))


def another_deployments(scene: Scene) -> None:
    other = make_scene(scene.folder / "other")
    scene.settings.manifest.write_bytes(other.settings.manifest.read_bytes())


def a_bundle(scene: Scene) -> None:
    envelope = dsse.Envelope("application/vnd.intake.bundle+json", b"{}", ())
    scene.settings.manifest.write_bytes(serialise_chain([scene.admin.sign(envelope)]))


def no_epochs(scene: Scene) -> None:
    scene.publish(good(scene), good(scene, 2, epochs=()))


def not_yet(scene: Scene) -> None:
    later = replace(scene.manifest.epochs[0], begins=TODAY + A_DAY)
    scene.publish(good(scene), good(scene, 2, epochs=(later,)))


def the_epoch_is_revoked(scene: Scene) -> None:
    scene.publish(good(scene), good(scene, 2, revocations=("2026-11",)))


def everybody_is_revoked(scene: Scene) -> None:
    revoked = (str(scene.reviewer.recipient()),)
    scene.publish(good(scene), good(scene, 2, revocations=revoked))


def nobody_in_it(scene: Scene) -> None:
    epochs = (replace(scene.manifest.epochs[0], recipients=()),)
    scene.publish(good(scene), good(scene, 2, epochs=epochs))


def the_clock_is_set_back(scene: Scene) -> None:
    scene.keys().on(TODAY + A_DAY)


def the_record_is_damaged(scene: Scene) -> None:
    scene.record.write_bytes(b"")


def the_epoch_was_called_closed(scene: Scene) -> None:
    keys = scene.keys()
    keys.on(TODAY)
    keys.confirm_day(dt.date(2026, 12, 3))
    keys.close(dt.date(2026, 12, 3), 24)
    keys.confirm_day(TODAY)


def the_state_cannot_be_written(scene: Scene) -> None:
    (scene.settings.state / "high-water.lock").unlink(missing_ok=True)
    (scene.settings.state / "high-water.lock").mkdir()


#: The bad day, and what the problem says of its cause.
NOTHING_IS_TAKEN: dict[Callable[[Scene], None], str] = {
    no_root: "Cannot read the pinned root",
    a_damaged_root: "root.pub is no root file",
    missing: "Cannot read the manifest",
    truncated: "damaged",
    not_json: "damaged",
    empty: "is empty",
    expired: "expired on 2026-11-22",
    signed_by_too_few: "signed by too few",
    rolled_back: "is version 1, but version 2 has been accepted",
    forked: "Another version 1",
    another_organisations: "another organisation",
    another_deployments: "signed by too few",
    a_bundle: "something else that was signed",
    no_epochs: "No epoch of the manifest is in force on 2026-11-23",
    not_yet: "No epoch of the manifest is in force on 2026-11-23",
    the_epoch_is_revoked: "The epoch 2026-11 is revoked",
    everybody_is_revoked: "The epoch 2026-11 is revoked",
    nobody_in_it: "The epoch 2026-11",
    the_clock_is_set_back: "The clock shows 2026-11-23, but 2026-11-24",
    the_record_is_damaged: "is damaged, and only it knows",
    the_epoch_was_called_closed: "The epoch 2026-11 was called closed",
    the_state_cannot_be_written: "state folder",
}


@pytest.mark.parametrize("bad_day", NOTHING_IS_TAKEN)
def test_when_nothing_is_taken_the_cause_is_named_and_what_mends_it(
    well: Scene, bad_day: Callable[[Scene], None]
) -> None:
    bad_day(well)
    told = status(well)
    assert told.to_json().keys() >= PROMISED
    assert (told.epoch, told.epoch_ends) == (None, None)
    assert (told.submissions, told.unacknowledged, told.replies) == (0, 0, 0)
    first = told.problems[0]
    assert first.startswith("No account is taken now. ")
    assert NOTHING_IS_TAKEN[bad_day] in first
    assert MENDS.search(first), first
    assert len(set(told.problems)) == len(told.problems), "each problem is said once"


@pytest.mark.parametrize(
    "bad_day",
    [
        missing,
        truncated,
        not_json,
        empty,
        expired,
        signed_by_too_few,
        rolled_back,
        forked,
        another_organisations,
        another_deployments,
        a_bundle,
    ],
)
def test_what_is_wrong_with_a_manifest_is_mended_by_installing_another(
    well: Scene, bad_day: Callable[[Scene], None]
) -> None:
    """The rules are shared with the admins' machine, which has no such command."""
    bad_day(well)
    [problem] = [p for p in status(well).problems if p.startswith("No account is taken now.")]
    assert problem.count("'intake keys install FILE'") == 1, problem


@pytest.mark.parametrize(
    "bad_day",
    [
        no_root,
        missing,
        truncated,
        rolled_back,
        forked,
        another_deployments,
        the_record_is_damaged,
    ],
)
def test_of_a_manifest_that_is_not_believed_nothing_is_told(
    well: Scene, bad_day: Callable[[Scene], None]
) -> None:
    bad_day(well)
    told = status(well)
    assert (told.manifest_version, told.revocations, told.exposed) == (None, (), ())


def test_of_one_that_takes_nothing_the_version_is_told(well: Scene) -> None:
    the_epoch_is_revoked(well)
    told = status(well)
    assert told.manifest_version == 2
    assert [r.name for r in told.revocations] == ["2026-11"]


def ends_soon(scene: Scene) -> None:
    scene.publish(good(scene), good(scene, 2, epochs=scene.manifest.epochs))


def no_server_key(scene: Scene) -> None:
    scene.publish(good(scene), good(scene, 2, server=None))


def another_servers_key(scene: Scene) -> None:
    other = SigningIdentity.generate("server").public().key
    scene.publish(good(scene), good(scene, 2, server=other))


def a_damaged_signing_key(scene: Scene) -> None:
    (scene.settings.state / "signing.key").write_bytes(b"short")


def the_clock_went_forward(scene: Scene) -> None:
    keys = scene.keys()
    keys.on(TODAY - 8 * A_DAY)


def a_broken_database(scene: Scene) -> None:
    (scene.settings.state / "intake.db").write_bytes(b"not a database at all" * 1000)


STILL_TAKEN: dict[Callable[[Scene], None], str] = {
    ends_soon: "From 2026-12-01 on nothing can be taken.*'?intake-keys rotate'?",
    no_server_key: "names no server key.*'intake keys server FILE'",
    another_servers_key: "names another server's key.*'intake keys server FILE'",
    a_damaged_signing_key: "signing.key is damaged: restore it from a backup",
    the_clock_went_forward: "from 2026-11-15 to 2026-11-23 at once.*'intake keys reset-day'",
    a_broken_database: "The database does not answer.*store.database",
}


@pytest.mark.parametrize("bad_day", STILL_TAKEN)
def test_what_will_hurt_later_is_said_while_accounts_are_still_taken(
    well: Scene, bad_day: Callable[[Scene], None]
) -> None:
    bad_day(well)
    told = status(well)
    assert told.epoch == "2026-11"
    assert len(told.problems) == 1, told.problems
    assert re.search(STILL_TAKEN[bad_day], told.problems[0]), told.problems[0]


def test_with_a_broken_database_the_counts_are_unknown_and_the_keys_are_told(well: Scene) -> None:
    a_broken_database(well)
    told = status(well)
    assert (told.submissions, told.unacknowledged) == (None, None)
    assert (told.epoch, told.manifest_version) == ("2026-11", 1)


def test_a_clock_that_is_far_ahead_of_every_epoch_is_named_too(well: Scene) -> None:
    """No day is seen where nothing is in force; the jump is told all the same."""
    well.keys().on(TODAY)
    told = status(well, dt.date(2031, 1, 1))
    assert told.epoch is None
    assert any("from 2026-11-23 to 2031-01-01" in problem for problem in told.problems)
    assert status(well).problems == ()


def test_once_the_clock_is_said_to_be_right_nothing_is_left_to_say(well: Scene) -> None:
    the_clock_went_forward(well)
    assert status(well).problems
    well.keys().confirm_day(TODAY)
    assert status(well).problems == ()


# --- revoked -------------------------------------------------------------------------------------


def test_who_is_revoked_is_said_and_what_was_sealed_to_them_is_listed(scene: Scene) -> None:
    heir = Recipient("ba", Role.REVIEWERS, str(HybridIdentity.generate().recipient()))
    [epoch] = scene.manifest.epochs
    both: tuple[Epoch, ...] = (replace(epoch, recipients=(*epoch.recipients, heir)),)
    client = Client(create_app(scene.deployment()))
    for n in range(2):
        send(client, f"under version 1, {n}")
    scene.publish(scene.manifest, good(scene, 2, epochs=both))
    send(client, "under version 2")
    lost = (str(scene.reviewer.recipient()),)
    scene.publish(
        scene.manifest,
        good(scene, 2, epochs=both),
        good(scene, 3, epochs=both, revocations=lost),
    )
    assert send(client, "under version 3").status_code == 303
    told = status(scene)
    assert [r.name for r in told.revocations] == ["reviewer"], "people are named, not their keys"
    assert told.exposed == (
        Exposed("2026-11", 1, ("reviewer",), still_here=2),
        Exposed("2026-11", 2, ("reviewer",), still_here=1),
    )
    assert told.submissions == 4
