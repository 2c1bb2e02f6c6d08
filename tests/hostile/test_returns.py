"""What comes back on a stick is a stranger's until it is verified. Threats 6 and 7.

Whoever carries the stick can forge, change, withhold, repeat and reorder. Nothing on the server may
be lost for it, doubled, or deleted that no vault holds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from intake import strict_json
from intake.courier.bundle import ReplyState
from intake.courier.returns import RETURN, Acknowledgement, CarriedReply, serialise_return
from intake.errors import BundleBroken, IntakeError, NothingInForce
from intake.manifest.signing import SigningIdentity
from intake.online import importing
from intake.online.importing import Import, import_return, problems_of
from intake.online.store.leaving import Quorum
from intake.online.store.replies import Filing
from tests.support.deployments import TODAY, Scene, make_scene, submit
from tests.support.returns import Mailbox, ReturnStick, root_hash, with_vaults


@dataclass
class House:
    """A deployment with two accounts, two vaults and a stick."""

    scene: Scene
    folder: Path
    vaults: tuple[SigningIdentity, ...]
    mailbox: Mailbox

    def stick(
        self, vault: int | SigningIdentity = 0, sequence: int = 1, name: str = "stick"
    ) -> ReturnStick:
        signer = self.vaults[vault] if isinstance(vault, int) else vault
        return ReturnStick(self.folder / name, signer, root_hash(self.scene), sequence)

    def take(self, folder: Path, *, kept_days: int = 0) -> Import:
        deployment = self.scene.deployment()
        return import_return(
            deployment.store, self.scene.keys(), folder, TODAY, kept_days=kept_days
        )

    def state(self) -> object:
        """All that a return could change."""
        store = self.scene.deployment().store
        held = store.replies.held(self.mailbox.addresses)
        return (
            store.rows(),
            store.leaving.acknowledgements(),
            store.leaving.taken(),
            dict(store.replies.states()),
            held,
            [path.name for path in self.scene.sealed()],
        )


@pytest.fixture
def house(tmp_path: Path) -> House:
    scene = make_scene(tmp_path / "deployment")
    vaults = (SigningIdentity.generate("ko"), SigningIdentity.generate("ma"))
    with_vaults(scene, *vaults)
    for n in range(2):
        submit(scene, f"account {n}")
    return House(scene, tmp_path, vaults, Mailbox.of(scene))


def test_a_return_files_replies_and_deletes_what_is_acknowledged(house: House) -> None:
    first, second = house.scene.sealed()
    stick = house.stick().acknowledge(first)
    carried = stick.reply(house.mailbox, "what did you see?")
    found = house.take(stick.write())
    assert (found.vault, found.sequence, found.again) == ("ko", 1, False)
    assert (found.acknowledged, found.enough, found.deleted) == (1, 1, 1)
    assert found.filings == {Filing.FILED: 1}
    assert problems_of(found) == []
    assert house.scene.sealed() == [second]
    held = house.scene.deployment().store.replies.held(house.mailbox.addresses)
    assert held[0] is not None
    assert held[0].id.hex() == carried.id
    assert house.scene.deployment().store.count() == 1


def test_the_same_return_again_changes_nothing(house: House) -> None:
    stick = house.stick().acknowledge(house.scene.sealed()[0])
    stick.reply(house.mailbox)
    house.take(stick.write())
    before = house.state()
    again = house.take(stick.folder)
    assert (again.again, again.acknowledged, again.deleted) == (True, 0, 0)
    assert again.filings == {Filing.KNOWN: 1}
    assert problems_of(again) == []
    assert house.state() == before


# --- not to be believed --------------------------------------------------------------------------


def of_another_deployment(house: House, stick: ReturnStick) -> None:
    stick.root = root_hash(make_scene(house.folder / "other"))
    stick.write()


def of_a_vault_that_is_not_named(_house: House, stick: ReturnStick) -> None:
    stick.vault = SigningIdentity.generate("ko")
    stick.write()


def of_a_vault_that_is_named_no_longer(house: House, _stick: ReturnStick) -> None:
    with_vaults(house.scene, house.vaults[1])


def signed_by_the_admin(house: House, stick: ReturnStick) -> None:
    stick.vault = house.scene.admin
    stick.write()


def edit(stick: ReturnStick, change: Callable[[dict[str, object]], None]) -> None:
    path = stick.folder / RETURN
    document = json.loads(path.read_bytes())
    change(document)
    path.write_bytes(strict_json.dumps(document))


def without_signatures(_house: House, stick: ReturnStick) -> None:
    edit(stick, lambda d: d.update(signatures=[]))


def with_one_half(half: int) -> Callable[[House, ReturnStick], None]:
    def change(_house: House, stick: ReturnStick) -> None:
        edit(stick, lambda d: d.update(signatures=[d["signatures"][half]]))  # type: ignore[index]

    return change


def with_halves_of_two_vaults(house: House, stick: ReturnStick) -> None:
    mine = json.loads((stick.folder / RETURN).read_bytes())["signatures"]
    other = json.loads(serialise_return(stick.content(), house.vaults[1]))["signatures"]
    edit(stick, lambda d: d.update(signatures=[mine[0], other[1]]))


def with_another_payload(house: House, stick: ReturnStick) -> None:
    """More is acknowledged than the vault has signed."""
    signatures = json.loads((stick.folder / RETURN).read_bytes())["signatures"]
    stick.acknowledge(house.scene.sealed()[1]).write()
    edit(stick, lambda d: d.update(signatures=signatures))


def of_another_type(_house: House, stick: ReturnStick) -> None:
    edit(stick, lambda d: d.update(payloadType="application/vnd.intake.bundle+json"))


def without_a_listing(_house: House, stick: ReturnStick) -> None:
    (stick.folder / RETURN).unlink()


def with_a_listing_cut_short(_house: House, stick: ReturnStick) -> None:
    os.truncate(stick.folder / RETURN, 500)


def with_a_link_for_a_listing(house: House, stick: ReturnStick) -> None:
    (stick.folder / RETURN).rename(house.folder / "elsewhere.json")
    (stick.folder / RETURN).symlink_to(house.folder / "elsewhere.json")


def with_a_pipe_for_a_listing(_house: House, stick: ReturnStick) -> None:
    (stick.folder / RETURN).unlink()
    os.mkfifo(stick.folder / RETURN)


def reply_path(stick: ReturnStick) -> Path:
    return stick.replies[0].path(stick.folder)


def with_a_reply_missing(_house: House, stick: ReturnStick) -> None:
    reply_path(stick).unlink()


def with_a_reply_cut_short(_house: House, stick: ReturnStick) -> None:
    os.truncate(reply_path(stick), 65_535)


def with_a_reply_overgrown(_house: House, stick: ReturnStick) -> None:
    os.truncate(reply_path(stick), 65_537)


def with_a_reply_changed(_house: House, stick: ReturnStick) -> None:
    data = reply_path(stick).read_bytes()
    reply_path(stick).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def with_replies_swapped(_house: House, stick: ReturnStick) -> None:
    one, two = (r.path(stick.folder) for r in stick.replies)
    data = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(data)


def with_a_reply_that_is_a_link(house: House, stick: ReturnStick) -> None:
    reply_path(stick).rename(house.folder / "elsewhere")
    reply_path(stick).symlink_to(house.folder / "elsewhere")


def with_a_reply_that_is_a_pipe(_house: House, stick: ReturnStick) -> None:
    reply_path(stick).unlink()
    os.mkfifo(reply_path(stick))


def with_a_folder_of_replies_that_is_a_link(house: House, stick: ReturnStick) -> None:
    (stick.folder / "replies").rename(house.folder / "elsewhere")
    (stick.folder / "replies").symlink_to(house.folder / "elsewhere")


def without_a_folder_of_replies(_house: House, stick: ReturnStick) -> None:
    for reply in stick.replies:
        reply.path(stick.folder).unlink()
    (stick.folder / "replies").rmdir()


def with_a_number_no_database_holds(_house: House, stick: ReturnStick) -> None:
    stick.sequence = 2**53 - 1
    stick.write()


REFUSED = [
    of_another_deployment,
    of_a_vault_that_is_not_named,
    of_a_vault_that_is_named_no_longer,
    signed_by_the_admin,
    without_signatures,
    with_one_half(0),
    with_one_half(1),
    with_halves_of_two_vaults,
    with_another_payload,
    of_another_type,
    without_a_listing,
    with_a_listing_cut_short,
    with_a_link_for_a_listing,
    with_a_pipe_for_a_listing,
    with_a_reply_missing,
    with_a_reply_cut_short,
    with_a_reply_overgrown,
    with_a_reply_changed,
    with_replies_swapped,
    with_a_reply_that_is_a_link,
    with_a_reply_that_is_a_pipe,
    with_a_folder_of_replies_that_is_a_link,
    without_a_folder_of_replies,
    with_a_number_no_database_holds,
]


@pytest.mark.parametrize("change", REFUSED, ids=lambda change: change.__qualname__)
def test_what_is_not_to_be_believed_changes_nothing(
    house: House, change: Callable[[House, ReturnStick], None]
) -> None:
    stick = house.stick().acknowledge(house.scene.sealed()[0])
    stick.reply(house.mailbox, "one")
    stick.reply(house.mailbox, "two")
    stick.write()
    change(house, stick)
    before = house.state()
    with pytest.raises(BundleBroken) as refused:
        house.take(stick.folder)
    assert house.state() == before
    assert str(refused.value).endswith(".")
    assert "\n" not in str(refused.value)


def test_a_return_older_than_the_last_is_refused_and_that_one_may_come_again(house: House) -> None:
    older = house.stick(sequence=4, name="older").acknowledge(house.scene.sealed()[0])
    older.reply(house.mailbox)
    newer = house.stick(sequence=5, name="newer")
    house.take(newer.write())
    before = house.state()
    with pytest.raises(BundleBroken, match="number 4, and number 5 was taken"):
        house.take(older.write())
    assert house.take(newer.folder).again
    assert house.state() == before


def test_each_vault_counts_its_own_returns(house: House) -> None:
    house.take(house.stick(0, sequence=9).write())
    assert not house.take(house.stick(1, sequence=2, name="other").write()).again


def test_without_a_manifest_nobody_is_believed(house: House) -> None:
    stick = house.stick().acknowledge(house.scene.sealed()[0])
    house.scene.settings.manifest.unlink()
    before = [path.name for path in house.scene.sealed()]
    with pytest.raises(NothingInForce):
        import_return(
            house.scene.deployment().store,
            house.scene.keys(),
            stick.write(),
            TODAY,
            kept_days=0,
        )
    assert [path.name for path in house.scene.sealed()] == before


def test_a_manifest_that_has_expired_still_says_which_vaults_there_are(house: House) -> None:
    scene = house.scene
    scene.publish_next(expires=TODAY)
    found = house.take(house.stick().acknowledge(*scene.sealed()).write())
    assert found.deleted == 2


# --- acknowledgements that do not count ----------------------------------------------------------


def test_an_acknowledgement_of_another_file_deletes_nothing(house: House) -> None:
    wrong, right = house.scene.sealed()
    stick = house.stick()
    stick.acknowledgements.append(Acknowledgement(wrong.stem, "ab" * 32))
    found = house.take(stick.acknowledge(right).write())
    assert found.different == (wrong.stem,)
    assert (found.acknowledged, found.deleted) == (1, 1), "the other one counts"
    assert house.scene.sealed() == [wrong]
    (problem,) = problems_of(found)
    assert "another file" in problem


def test_an_acknowledgement_of_what_was_never_here_is_said(house: House) -> None:
    stick = house.stick().acknowledge(*house.scene.sealed())
    stick.acknowledgements.append(Acknowledgement("ab" * 16, "cd" * 32))
    found = house.take(stick.write())
    assert (found.unknown, found.deleted) == (("ab" * 16,), 2)
    (problem,) = problems_of(found)
    assert "never here" in problem


def test_an_acknowledgement_of_what_was_withdrawn_is_said_and_nothing_comes_back(
    house: House,
) -> None:
    first, _ = house.scene.sealed()
    stick = house.stick().acknowledge(first)
    store = house.scene.deployment().store
    store.leaving.delete([bytes.fromhex(first.stem)], acknowledged=False)
    store.sweep()
    found = house.take(stick.write())
    assert found.unknown == (first.stem,)
    assert first not in house.scene.sealed()


def test_a_file_that_was_changed_on_the_server_is_not_the_one_that_left(house: House) -> None:
    """What was noted when it left counts, not what stands there now."""
    first, _ = house.scene.sealed()
    stick = house.stick().acknowledge(first)
    digest = bytes.fromhex(stick.acknowledgements[0].sha256)
    store = house.scene.deployment().store
    store.leaving.note_bundle(1, {bytes.fromhex(first.stem): digest})
    first.write_bytes(b"?" * first.stat().st_size)
    assert house.take(stick.write()).deleted == 1


# --- how many vaults -----------------------------------------------------------------------------


def test_two_vaults_have_to_be_two(house: House) -> None:
    with_vaults(house.scene, *house.vaults, required=2)
    sealed = house.scene.sealed()
    one = house.stick(0).acknowledge(*sealed)
    found = house.take(one.write())
    assert (found.acknowledged, found.enough, found.deleted) == (2, 0, 0)
    one.sequence = 2
    assert house.take(one.write()).enough == 0, "the same vault twice is one"
    assert house.scene.sealed() == sealed
    two = house.stick(1, name="other").acknowledge(sealed[0])
    found = house.take(two.write())
    assert (found.acknowledged, found.enough, found.deleted) == (1, 1, 1)
    assert house.scene.sealed() == [sealed[1]]


def test_who_is_no_vault_any_more_does_not_count(house: House) -> None:
    with_vaults(house.scene, *house.vaults, required=2)
    sealed = house.scene.sealed()
    house.take(house.stick(0).acknowledge(*sealed).write())
    other = SigningIdentity.generate("other")
    with_vaults(house.scene, house.vaults[1], other, required=2)
    found = house.take(house.stick(1, name="b").acknowledge(*sealed).write())
    assert (found.acknowledged, found.enough) == (2, 0)
    found = house.take(house.stick(other, name="c").acknowledge(*sealed).write())
    assert (found.acknowledged, found.enough, found.deleted) == (2, 2, 2)


def test_fewer_vaults_than_are_asked_for_never_delete(house: House) -> None:
    """No manifest says so; but what is deleted is not left to that rule alone."""
    ids = [bytes.fromhex(path.stem) for path in house.scene.sealed()]
    leaving = house.scene.deployment().store.leaving
    leaving.acknowledge(bytes(32), ids)
    for required in (0, 2):
        assert leaving.settle(Quorum(required, frozenset([bytes(32)])), TODAY) == 0
    assert leaving.settle(Quorum(1, frozenset()), TODAY) == 0


def test_where_fewer_are_asked_for_later_what_came_before_counts(house: House) -> None:
    with_vaults(house.scene, *house.vaults, required=2)
    house.take(house.stick().acknowledge(*house.scene.sealed()).write())
    with_vaults(house.scene, *house.vaults, required=1)
    assert house.take(house.stick(1, name="other").write()).deleted == 2


def test_what_is_acknowledged_may_stay_a_while(house: House) -> None:
    sealed = house.scene.sealed()
    found = house.take(house.stick().acknowledge(*sealed).write(), kept_days=30)
    assert (found.enough, found.deleted) == (2, 0)
    assert house.scene.sealed() == sealed
    assert house.scene.deployment().store.count() == 2


# --- replies -------------------------------------------------------------------------------------


def test_a_ninth_reply_waits_and_a_seventeenth_stays_with_the_reviewer(house: House) -> None:
    stick = house.stick()
    carried = [stick.reply(house.mailbox, f"reply {n}") for n in range(17)]
    found = house.take(stick.write())
    assert found.filings == {Filing.FILED: 8, Filing.WAITING: 8, Filing.FULL: 1}
    (problem,) = problems_of(found)
    assert problem.startswith("1 reply found no room")
    replies = house.scene.deployment().store.replies
    replies.delete(house.mailbox.addresses, bytes.fromhex(carried[0].id), TODAY)
    stick.sequence = 2
    found = house.take(stick.write())
    assert found.filings == {Filing.KNOWN: 16, Filing.WAITING: 1}, "the deleted one stays deleted"
    assert replies.states()[bytes.fromhex(carried[0].id)] is ReplyState.GONE


def test_a_reply_to_who_has_withdrawn_is_refused_and_the_others_are_filed(house: House) -> None:
    other = Mailbox.of(house.scene)
    house.scene.deployment().store.forget(
        house.mailbox.keys.submission_address, house.mailbox.addresses, TODAY
    )
    stick = house.stick()
    stick.reply(house.mailbox)
    stick.reply(other)
    found = house.take(stick.write())
    assert found.filings == {Filing.WITHDRAWN: 1, Filing.FILED: 1}
    (problem,) = problems_of(found)
    assert "withdrawn" in problem


def test_a_stick_that_changes_between_two_looks_files_nothing_else(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is filed is what was verified, read at that very moment."""
    stick = house.stick()
    stick.reply(house.mailbox)
    stick.write()
    read, reads = importing._read_reply, []

    def changing(files: int, reply: CarriedReply) -> bytes:
        data = read(files, reply)
        reads.append(reply)
        if len(reads) == 1:
            with_a_reply_changed(house, stick)
        return data

    monkeypatch.setattr(importing, "_read_reply", changing)
    with pytest.raises(IntakeError, match="changed"):
        house.take(stick.folder)
    assert house.scene.deployment().store.replies.states() == {}
