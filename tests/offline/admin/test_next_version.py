"""What each of an admin's commands makes of the version before, and what it tells who signs."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from intake.errors import ManifestRefused
from intake.manifest.calendar import EpochLength, periods_from
from intake.manifest.fingerprint import recipients_fingerprint, signer_fingerprint
from intake.manifest.model import Epoch, Manifest, Recipient, Role
from intake.manifest.outlook import covered_until
from intake.manifest.signing import serialise_admin, serialise_signer
from intake.offline.admin.changes import changes
from intake.offline.admin.next_version import (
    LIFETIME,
    ended,
    revoked,
    rotated,
    successor,
    with_admins,
    with_recipients,
)
from intake.offline.recipients_file import RecipientsFile, serialise_recipients
from tests.support.manifests import TODAY, admin, manifest, public, recipient, reviewer

D = dt.date
PEOPLE = {"aye": 1, "ba": 2}


def brought(
    name: str,
    begin: dt.date,
    count: int,
    *,
    length: EpochLength = EpochLength.MONTH,
    role: Role = Role.REVIEWERS,
) -> tuple[Epoch, ...]:
    """Return what a person brings: a recipient of their own for each epoch."""
    return tuple(
        Epoch(p.id, p.begins, p.ends, (Recipient(name, role, key(name, p.id, role)),))
        for p in periods_from(begin, count, length)
    )


def key(*names: object) -> str:
    return str(reviewer(hash(names)).recipient())


EMPTY = manifest(epochs=())
TWO_PEOPLE = with_recipients(
    with_recipients(EMPTY, brought("aye", TODAY, 4)), brought("ba", TODAY, 2)
)


def names(found: Manifest) -> dict[str, list[str]]:
    return {e.id: [r.name for r in found.recipients_in(e, Role.REVIEWERS)] for e in found.epochs}


def test_each_reviewer_is_in_every_epoch_that_they_brought_a_recipient_for() -> None:
    assert names(TWO_PEOPLE) == {
        "2026-11": ["aye", "ba"],
        "2026-12": ["aye", "ba"],
        "2027-01": ["aye"],
        "2027-02": ["aye"],
    }


def test_epochs_are_put_in_order_and_nothing_is_added_twice() -> None:
    late, early = brought("aye", D(2027, 1, 1), 1), brought("aye", TODAY, 1)
    found = with_recipients(with_recipients(EMPTY, late), early)
    assert [e.id for e in found.epochs] == ["2026-11", "2027-01"]
    assert with_recipients(found, early) == found


@pytest.mark.parametrize("length", EpochLength)
def test_the_first_recipients_may_decide_how_long_an_epoch_is(length: EpochLength) -> None:
    found = with_recipients(EMPTY, brought("aye", TODAY, 3, length=length))
    assert found.epoch_length is length
    assert len(found.epochs) == 3


def test_recipients_of_another_length_are_refused_later() -> None:
    weekly = brought("ba", D(2027, 3, 1), 3, length=EpochLength.WEEK)
    with pytest.raises(ManifestRefused, match="--epoch-length month"):
        with_recipients(TWO_PEOPLE, weekly)
    changed = rotated(TWO_PEOPLE, TODAY, EpochLength.WEEK).manifest
    assert "2027-W09" in names(with_recipients(changed, weekly))


def test_epochs_that_are_none_of_the_calendar_are_refused() -> None:
    odd = dataclasses.replace(brought("aye", TODAY, 1)[0], ends=D(2026, 11, 30))
    with pytest.raises(ManifestRefused, match="no day, week or month"):
        with_recipients(EMPTY, (odd,))


def test_a_rotation_renews_and_leaves_out_what_is_long_over() -> None:
    later = D(2027, 1, 20)
    rotation = rotated(TWO_PEOPLE, later)
    assert rotation.forgotten == ("2026-11",)
    assert [e.id for e in rotation.manifest.epochs] == ["2026-12", "2027-01", "2027-02"]
    assert (rotation.manifest.issued, rotation.manifest.expires) == (later, later + LIFETIME)
    assert covered_until(rotation.manifest, later) == D(2027, 3, 1)


def test_a_rotation_says_who_has_brought_nothing() -> None:
    assert rotated(TWO_PEOPLE, TODAY).missing == {"ba (reviewers)": ("2027-01", "2027-02")}
    both = with_recipients(TWO_PEOPLE, brought("ba", D(2027, 1, 1), 2))
    assert rotated(both, TODAY).missing == {}


def test_a_revocation_that_names_nothing_any_more_goes_with_its_epoch() -> None:
    found = revoked(revoked(TWO_PEOPLE, "2026-11"), "ba")
    assert len(found.revocations) == 3
    later = rotated(found, D(2027, 1, 20)).manifest
    assert len(later.revocations) == 1
    assert rotated(found, TODAY).manifest.revocations == found.revocations


# --- revoking --------------------------------------------------------------------------------

BA_NOW = key("ba", "2026-11", Role.REVIEWERS)


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("ba", {"2026-11": ["aye"], "2026-12": ["aye"], "2027-01": ["aye"], "2027-02": ["aye"]}),
        (BA_NOW, {"2026-11": ["aye"], "2026-12": ["aye", "ba"]}),
        (BA_NOW[:40], {"2026-11": ["aye"], "2026-12": ["aye", "ba"]}),
        ("2026-11", {"2026-11": [], "2026-12": ["aye", "ba"]}),
        ("aye", {"2026-11": ["ba"], "2026-12": ["ba"], "2027-01": [], "2027-02": []}),
    ],
    ids=["a person", "a recipient", "its first characters", "an epoch", "another person"],
)
def test_who_is_left_after_a_revocation(name: str, left: dict[str, list[str]]) -> None:
    assert names(revoked(TWO_PEOPLE, name)).items() >= left.items()


@pytest.mark.parametrize("name", ["", "chit", "2026-13", "age1pq1", BA_NOW[:19], BA_NOW + "x"])
def test_what_the_manifest_does_not_have_cannot_be_revoked(name: str) -> None:
    with pytest.raises(ManifestRefused, match=r"2026-11.*aye, ba"):
        revoked(TWO_PEOPLE, name)


def test_revoked_twice_is_said() -> None:
    with pytest.raises(ManifestRefused, match="already"):
        revoked(revoked(TWO_PEOPLE, "ba"), "ba")


def test_a_person_called_like_an_epoch_is_not_guessed_at() -> None:
    both = with_recipients(TWO_PEOPLE, brought("2026-11", TODAY, 1))
    with pytest.raises(ManifestRefused, match="several things"):
        revoked(both, "2026-11")


def test_what_is_revoked_cannot_be_brought_again() -> None:
    for name in ("ba", "2026-11"):
        with pytest.raises(ManifestRefused, match="revoked"):
            with_recipients(revoked(TWO_PEOPLE, name), brought("ba", TODAY, 1))


def test_a_new_laptop_goes_on_in_the_same_epoch() -> None:
    fresh = Recipient("ba", Role.REVIEWERS, key("ba's new laptop"))
    [november] = brought("ba", TODAY, 1)
    again = with_recipients(
        revoked(TWO_PEOPLE, "ba"), (dataclasses.replace(november, recipients=(fresh,)),)
    )
    assert fresh in again.recipients_in(again.epochs[0], Role.REVIEWERS)
    assert names(again)["2026-11"] == ["aye", "ba"]


# --- admins ----------------------------------------------------------------------------------

THREE = manifest(admins=public("a", "b", "c"), threshold=2)


def test_admins_come_and_go() -> None:
    found = with_admins(THREE, add=public("d"), remove=("a", "b"))
    assert found.admins == public("c", "d")
    assert found.threshold == 2
    assert with_admins(THREE, threshold=3).threshold == 3


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"remove": ("x",)}, "no admin x"),
        ({"remove": ("a", "b")}, "more signatures"),
        ({"threshold": 4}, "more signatures"),
        ({"add": public("a")}, "share a key or a name"),
    ],
)
def test_admins_that_cannot_be(changed: dict[str, object], says: str) -> None:
    with pytest.raises(ManifestRefused, match=says):
        with_admins(THREE, **changed)  # type: ignore[arg-type]


# --- what is shown to who signs --------------------------------------------------------------


def test_the_first_version_is_told_whole() -> None:
    told = changes(None, TWO_PEOPLE)
    assert told == (
        f"version 1 of Test, which expires on {TWO_PEOPLE.expires}",
        f"new admin a: {signer_fingerprint(serialise_admin(admin('a').admin()))}",
        "signatures needed: 1 of 1",
        "epochs are a month long",
        "new recipients of aye (reviewers), 4 epochs, 2026-11 to 2027-02: "
        + recipients_fingerprint(
            serialise_recipients(RecipientsFile(brought("aye", TODAY, 4), None))
        ),
        "new recipients of ba (reviewers), 2 epochs, 2026-11 to 2026-12: "
        + recipients_fingerprint(
            serialise_recipients(RecipientsFile(brought("ba", TODAY, 2), None))
        ),
    )


def test_a_version_that_changes_nothing_says_no_more_than_that() -> None:
    assert changes(TWO_PEOPLE, successor(TWO_PEOPLE, "0" * 64, TODAY)) == (
        f"version 2 of Test, which expires on {TODAY + LIFETIME}",
    )


NEW_SERVER = admin("server").public()


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (revoked(TWO_PEOPLE, "ba"), "revoked: ba's recipients of 2 epochs, 2026-11 to 2026-12"),
        (revoked(TWO_PEOPLE, "2026-11"), "revoked: epoch 2026-11"),
        (revoked(TWO_PEOPLE, BA_NOW), "revoked: ba's recipients of epoch 2026-11"),
        (dataclasses.replace(TWO_PEOPLE, threshold=2), "signatures needed: 2 of 1"),
        (dataclasses.replace(TWO_PEOPLE, admins=()), "no longer an admin: a"),
        (
            dataclasses.replace(TWO_PEOPLE, epochs=TWO_PEOPLE.epochs[1:]),
            "no longer named, being long over: 2026-11",
        ),
        (dataclasses.replace(TWO_PEOPLE, epoch_length=EpochLength.DAY), "epochs are a day long"),
        (
            dataclasses.replace(TWO_PEOPLE, server=NEW_SERVER.key),
            f"the server's key: {signer_fingerprint(serialise_signer(NEW_SERVER))}",
        ),
        (
            with_recipients(
                TWO_PEOPLE,
                (
                    dataclasses.replace(
                        TWO_PEOPLE.epochs[0], recipients=(recipient(9, Role.CUSTODIANS),)
                    ),
                ),
            ),
            "new recipients of custodians 9 (custodians), epoch 2026-11: ",
        ),
    ],
)
def test_each_change_is_a_line(after: Manifest, told: str) -> None:
    lines = changes(TWO_PEOPLE, after)
    assert any(line.startswith(told) for line in lines[1:]), lines


# --- ending early ----------------------------------------------------------------------------


def test_an_epoch_that_runs_can_end_today_and_days_follow_it() -> None:
    cut = ended(TWO_PEOPLE, "2026-11", TODAY)
    assert cut.epochs[0].ends == TODAY
    assert cut.epoch_on(TODAY) is None
    daily = rotated(cut, TODAY, EpochLength.DAY).manifest
    found = with_recipients(daily, brought("aye", TODAY, 8, length=EpochLength.DAY))
    assert covered_until(found, TODAY) == D(2027, 3, 1)


@pytest.mark.parametrize("name", ["2026-12", "2026-13", "aye", ""])
def test_only_an_epoch_that_runs_ends(name: str) -> None:
    with pytest.raises(ManifestRefused, match="not one that is running"):
        ended(TWO_PEOPLE, name, TODAY)
    with pytest.raises(ManifestRefused, match="not one that is running"):
        ended(TWO_PEOPLE, "2026-11", D(2026, 11, 1))


def test_a_custodian_who_reviews_nothing_is_named() -> None:
    custodian = brought("chit", TODAY, 1, role=Role.CUSTODIANS)
    found = with_recipients(TWO_PEOPLE, custodian)
    assert rotated(found, TODAY).blind == {"2026-11": ("chit",)}
    both = with_recipients(found, brought("chit", TODAY, 1))
    assert rotated(both, TODAY).blind == {}


def test_an_epoch_at_the_end_of_the_calendar_can_be_rotated() -> None:
    last = dataclasses.replace(TWO_PEOPLE.epochs[0], ends=dt.date.max)
    found = dataclasses.replace(TWO_PEOPLE, epochs=(last,))
    assert rotated(found, TODAY).forgotten == ()


# --- what newcomers stumbled over ------------------------------------------------------------


def test_a_file_with_one_revoked_epoch_brings_the_others() -> None:
    found = with_recipients(revoked(TWO_PEOPLE, "2026-12"), brought("chit", TODAY, 3))
    assert "chit" not in names(found).get("2026-12", [])
    assert "chit" in names(found)["2026-11"]
    assert "chit" in names(found)["2027-01"]


def test_a_person_can_be_revoked_in_one_epoch_alone() -> None:
    left = names(revoked(TWO_PEOPLE, "aye", epoch="2026-12"))
    assert left["2026-12"] == ["ba"]
    assert left["2026-11"] == ["aye", "ba"]
    with pytest.raises(ManifestRefused):
        revoked(TWO_PEOPLE, "ba", epoch="2027-02")


def test_a_length_that_was_chosen_is_not_changed_by_the_first_file() -> None:
    weekly = dataclasses.replace(EMPTY, epoch_length=EpochLength.WEEK)
    with pytest.raises(ManifestRefused, match="--epoch-length week"):
        with_recipients(weekly, brought("ba", TODAY, 2))
    later = dataclasses.replace(EMPTY, version=2)
    with pytest.raises(ManifestRefused, match="rotate --epoch-length week"):
        with_recipients(later, brought("ba", TODAY, 2, length=EpochLength.WEEK))


def test_what_a_person_had_in_two_roles_is_one_row_of_epochs() -> None:
    both = with_recipients(TWO_PEOPLE, brought("ba", TODAY, 2, role=Role.CUSTODIANS))
    lines = changes(both, revoked(both, "ba"))
    assert "revoked: ba's recipients of 2 epochs, 2026-11 to 2026-12" in lines
