"""What was deleted leaves no bytes in the database's files, nor in a blob. Threat 5.

After each way to delete, every file of the state folder is searched for the sealed bytes, as
somebody would who took the disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from intake.manifest.signing import SigningIdentity
from intake.online.importing import import_return
from intake.online.retention import sweep
from intake.online.settings import Retention
from intake.online.store.committing import MOST_PER_CODE
from intake.online.store.submissions import Store
from tests.support.deployments import TODAY, Scene, submit
from tests.support.returns import Mailbox, ReturnStick, root_hash, with_vaults
from tests.support.stores import arrival, draft

NINE = 9


@dataclass
class House:
    """A deployment with an account and nine replies of a witness, one of which waits."""

    scene: Scene
    store: Store
    mailbox: Mailbox
    replies: list[bytes]

    def traces(self, data: bytes) -> list[str]:
        """Return the files of the state folder in which a piece of ``data`` stands."""
        pieces = [data[at : at + 24] for at in range(200, len(data) - 24, 997)]
        return [
            path.name
            for path in self.scene.settings.state.rglob("*")
            if path.is_file() and any(piece in path.read_bytes() for piece in pieces)
        ]


@pytest.fixture
def house(scene: Scene) -> House:
    store, mailbox = scene.deployment().store, Mailbox.of(scene)
    replies = [mailbox.seal(f"reply {n}") for n in range(NINE)]
    for n, sealed in enumerate(replies):
        store.replies.file(bytes([n] * 16), sealed, mailbox.addresses, TODAY)
    submit(scene, "account")
    found = House(scene, store, mailbox, replies)
    assert all(found.traces(sealed) == ["intake.db"] for sealed in replies)
    return found


def deleted(house: House) -> None:
    for n in range(NINE):
        house.store.replies.delete(house.mailbox.addresses, bytes([n] * 16), TODAY)


def withdrawn(house: House) -> None:
    house.store.withdraw(draft(house.store), arrival("code", "notice"), house.mailbox.addresses)


def forgotten(house: House) -> None:
    house.store.forget(house.mailbox.keys.submission_address, house.mailbox.addresses, TODAY)


def swept(house: House) -> None:
    years = [TODAY.replace(year=TODAY.year + n) for n in (1, 2)]
    gone = []
    for later in years:
        house.scene.keys().confirm_day(later)
        gone.append(sweep(house.store, house.scene.keys(), Retention(), later).replies)
        # The ninth waited, and moves up when it is carried again.
        house.store.replies.file(bytes([8] * 16), b"", house.mailbox.addresses, later)
    assert gone == [NINE - 1, 1]


@pytest.mark.parametrize("delete", [deleted, withdrawn, forgotten, swept])
def test_no_byte_of_a_deleted_reply_is_left(house: House, delete: Callable[[House], None]) -> None:
    delete(house)
    assert [house.traces(sealed) for sealed in house.replies] == [[]] * NINE
    assert house.store.replies.held(house.mailbox.addresses) == (None,) * 8


def test_a_reply_that_moved_up_left_nothing_where_it_waited(house: House) -> None:
    house.store.replies.delete(house.mailbox.addresses, bytes(16), TODAY)
    assert house.traces(house.replies[0]) == []
    (database,) = (house.scene.settings.state / "intake.db",)
    assert database.read_bytes().count(house.replies[8][300:340]) == 1


def test_no_address_of_a_withdrawn_account_is_left(house: House) -> None:
    """Nor the mark of sameness, nor the id: only that there is such a mailbox no more."""
    (row,) = house.store.dump()["submissions"]
    (sealed,) = house.scene.sealed()
    content, address = sealed.read_bytes(), row["address"]
    assert isinstance(address, bytes)
    addresses = [address, *(os.urandom(32) for _ in range(MOST_PER_CODE))]
    house.store.forget(addresses.__getitem__, house.mailbox.addresses, TODAY)
    for name in ("address", "sameness", "id"):
        value = row[name]
        assert isinstance(value, bytes)
        assert not any(
            value in path.read_bytes()
            for path in house.scene.settings.state.rglob("*")
            if path.is_file()
        )
    assert house.traces(content) == []


def test_a_sealed_file_goes_when_it_is_acknowledged(house: House, tmp_path: Path) -> None:
    vault = SigningIdentity.generate("ko")
    with_vaults(house.scene, vault)
    content = house.scene.sealed()[0].read_bytes()
    stick = ReturnStick(tmp_path / "stick", vault, root_hash(house.scene))
    stick.acknowledge(*house.scene.sealed())
    assert house.traces(content) == [house.scene.sealed()[0].name]
    import_return(house.store, house.scene.keys(), stick.write(), TODAY, kept_days=0)
    assert house.traces(content) == []
