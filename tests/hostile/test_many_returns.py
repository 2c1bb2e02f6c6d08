"""One stick that has visited several reviewers, and whatever else somebody put there. Threat 6.

Each vault's return is believed or refused by itself: one that is broken keeps no other back, and
nothing is deleted that fewer vaults have acknowledged than the manifest asks for.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from intake.courier.returns import RETURN, RETURNS, return_folder
from intake.errors import BundleBroken
from intake.manifest.signing import SigningIdentity
from intake.online.cli import intake
from intake.online.importing import Import
from intake.online.returned import Outcome, import_returns
from tests.support.deployments import TODAY, Scene, make_scene, submit
from tests.support.returns import Mailbox, ReturnStick, root_hash, with_vaults


@dataclass
class House:
    """A deployment that asks two vaults, two accounts in it, and one stick."""

    scene: Scene
    stick: Path
    vaults: tuple[SigningIdentity, ...]
    mailbox: Mailbox

    def of(self, vault: int, sequence: int = 1) -> ReturnStick:
        """Return what a vault sends: it acknowledges all, and has a reply."""
        returned = ReturnStick(self.stick, self.vaults[vault], root_hash(self.scene), sequence)
        returned.acknowledge(*self.scene.sealed()).reply(self.mailbox, f"of {vault}")
        return returned

    def take(self) -> list[Outcome]:
        deployment = self.scene.deployment()
        return list(
            import_returns(deployment.store, self.scene.keys(), self.stick, TODAY, kept_days=0)
        )

    def typed(self) -> Result:
        arguments = ["--config", str(self.scene.config), "import", str(self.stick)]
        return CliRunner().invoke(intake, arguments)

    def replies(self) -> int:
        return len(self.scene.deployment().store.replies.states())


@pytest.fixture
def house(tmp_path: Path) -> House:
    scene = make_scene(tmp_path / "deployment")
    vaults = (SigningIdentity.generate("ko"), SigningIdentity.generate("ma"))
    with_vaults(scene, *vaults, required=2)
    for n in range(2):
        submit(scene, f"account {n}")
    return House(scene, tmp_path / "stick", vaults, Mailbox.of(scene))


def taken(outcomes: list[Outcome]) -> dict[str, Import]:
    return {found.taken.vault: found.taken for found in outcomes if found.taken is not None}


def problems(outcomes: list[Outcome]) -> list[str]:
    return [problem for found in outcomes for problem in found.problems]


def test_two_vaults_on_one_stick_are_two(house: House) -> None:
    for vault in (0, 1):
        house.of(vault).write()
    outcomes = house.take()
    assert problems(outcomes) == []
    assert {name: found.acknowledged for name, found in taken(outcomes).items()} == {
        "ko": 2,
        "ma": 2,
    }
    assert sum(found.enough for found in taken(outcomes).values()) == 2
    assert (house.scene.sealed(), house.replies()) == ([], 2)
    again = house.take()
    assert problems(again) == []
    assert all(found.again for found in taken(again).values())


def test_an_old_return_beside_a_new_one_is_the_same_again(house: House) -> None:
    house.of(0).write()
    house.take()
    house.of(1).write()
    outcomes = house.take()
    assert problems(outcomes) == []
    assert {name: found.again for name, found in taken(outcomes).items()} == {
        "ko": True,
        "ma": False,
    }
    assert house.scene.sealed() == []


def test_one_older_than_the_last_taken_is_said_and_the_other_is_taken(house: House) -> None:
    house.of(0, sequence=5).write()
    house.take()
    house.of(0, sequence=4).write()
    house.of(1).write()
    outcomes = house.take()
    [problem] = problems(outcomes)
    assert problem.startswith("ko: This return has the number 4, and number 5 was taken")
    assert list(taken(outcomes)) == ["ma"]


# --- one of the two is broken --------------------------------------------------------------------


def cut_short(folder: Path) -> None:
    os.truncate(folder / RETURN, 500)


def half_written(folder: Path) -> None:
    (folder / RETURN).unlink()


def empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def without_its_replies(folder: Path) -> None:
    shutil.rmtree(folder / "replies")


def a_link_to_itself_elsewhere(folder: Path) -> None:
    folder.rename(folder.parents[2] / "elsewhere")
    folder.symlink_to(folder.parents[2] / "elsewhere")


def a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"x")


def a_pipe(folder: Path) -> None:
    shutil.rmtree(folder)
    os.mkfifo(folder)


def a_copy_of_the_other(folder: Path) -> None:
    """What another vault has signed is not this one's."""
    [other] = (path for path in folder.parent.iterdir() if path != folder)
    shutil.rmtree(folder)
    shutil.copytree(other, folder)


BROKEN = [
    cut_short,
    half_written,
    empty,
    without_its_replies,
    a_link_to_itself_elsewhere,
    a_file,
    a_pipe,
    a_copy_of_the_other,
]


@pytest.mark.parametrize("broken", [0, 1])
@pytest.mark.parametrize("spoil", BROKEN)
def test_one_that_is_broken_is_named_and_the_other_is_taken(
    house: House, spoil: Callable[[Path], None], broken: int
) -> None:
    sealed = house.scene.sealed()
    returned = [house.of(vault) for vault in (0, 1)]
    for each in returned:
        each.write()
    spoil(returned[broken].folder)
    done = house.typed()
    name, other = [("ko", "ma"), ("ma", "ko")][broken]
    assert done.exit_code == 1
    assert done.stdout.startswith(f"Took return 1 of {other}.\nReplies: 1 filed, ")
    assert "Took return 1 of " + name not in done.stdout
    [line] = done.stderr.splitlines()
    assert line.startswith(f"Error: {name}: ")
    assert (house.scene.sealed(), house.replies()) == (sealed, 1), "one vault is not two"
    # Written again, nothing is missing.
    if returned[broken].folder.is_dir() and not returned[broken].folder.is_symlink():
        shutil.rmtree(returned[broken].folder)
    else:
        returned[broken].folder.unlink()
    house.of(broken).write()
    assert house.typed().exit_code == 0
    assert (house.scene.sealed(), house.replies()) == ([], 2)


def test_every_problem_is_said(house: House) -> None:
    for vault in (0, 1):
        cut_short(house.of(vault).write())
    (house.stick / RETURNS / ("0" * 16)).mkdir()
    done = house.typed()
    assert (done.exit_code, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 3
    assert all(word in done.stderr for word in ("Error: ko: ", "Error: ma: ", "1 folder is of no"))


# --- what is nobody's ----------------------------------------------------------------------------


def test_a_link_for_the_folder_of_returns_is_refused(house: House, tmp_path: Path) -> None:
    house.of(0).write()
    (house.stick / RETURNS).rename(tmp_path / "elsewhere")
    (house.stick / RETURNS).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleBroken, match="is a link"):
        house.take()
    assert (len(house.scene.sealed()), house.replies()) == (2, 0)


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside a return"])
def test_a_thousand_folders_named_like_vaults_are_one_sentence(
    house: House, *, beside: bool
) -> None:
    theirs = SigningIdentity.generate("nobody")
    lie = ReturnStick(house.stick, theirs, root_hash(house.scene)).write()
    for n in range(999):
        shutil.copytree(lie, house.stick / RETURNS / f"{n:016x}")
    if beside:
        house.of(0).write()
    outcomes = house.take()
    [problem] = problems(outcomes)
    assert "1000 folders are of no vault that the manifest names" in problem
    assert "and 997 more" in problem
    assert len(problem) < 500
    assert list(taken(outcomes)) == (["ko"] if beside else [])


def test_a_thousand_folders_of_other_names_are_passed_over(house: House) -> None:
    for n in range(1000):
        (house.stick / RETURNS / f"junk {n}").mkdir(parents=True)
    with pytest.raises(BundleBroken, match="holds nothing from the reviewers"):
        house.take()
    house.of(0).write()
    outcomes = house.take()
    assert (problems(outcomes), list(taken(outcomes))) == ([], ["ko"])


def test_a_vault_that_was_removed_is_looked_at_no_more(house: House) -> None:
    for vault in (0, 1):
        house.of(vault).write()
    with_vaults(house.scene, house.vaults[0])
    outcomes = house.take()
    assert list(taken(outcomes)) == ["ko"]
    [problem] = problems(outcomes)
    gone = return_folder(house.stick, house.vaults[1].public()).name
    assert f"1 folder is of no vault that the manifest names ({gone})" in problem
    assert house.scene.sealed() == [], "one vault is enough now"
