from __future__ import annotations

import dataclasses
import datetime as dt
import stat
from pathlib import Path

import pytest

from intake.errors import ManifestRefused, VaultUnusable, WrongPassphrase
from intake.manifest.acceptance import NOTHING_SEEN, accept_chain
from intake.manifest.chain import parse_chain
from intake.manifest.model import Epoch, Role
from intake.manifest.payload import parse_root
from intake.offline.admin_home import LIFETIME, AdminHome
from intake.secret import Secret
from tests.support.manifests import TODAY, epoch, recipient
from tests.support.vaults import PASSPHRASE, WORK_FACTOR

LATER = TODAY + LIFETIME + dt.timedelta(days=1)
DECEMBER = epoch(
    id="2026-12",
    begins=dt.date(2026, 12, 1),
    ends=dt.date(2027, 1, 1),
    recipients=(recipient(1),),
)


def make_home(folder: Path) -> AdminHome:
    home = AdminHome(folder)
    home.create(
        organisation="Test",
        admin="aye",
        passphrase=PASSPHRASE,
        today=TODAY,
        work_factor=WORK_FACTOR,
    )
    return home


@pytest.fixture
def home(tmp_path: Path) -> AdminHome:
    return make_home(tmp_path / "home")


def signed(home: AdminHome, *epochs: Epoch, today: dt.date = TODAY) -> int:
    home.add_recipients(epochs, today)
    manifest = home.sign("aye", PASSPHRASE, today)
    assert manifest is not None
    return manifest.version


def test_a_new_home_has_a_root_an_admin_and_nothing_complete(home: AdminHome) -> None:
    assert home.root() == parse_root(home.root_file.read_bytes())
    assert home.admins() == ("aye",)
    assert home.chain() == ()
    assert home.current(TODAY) is None
    assert home.pending(TODAY).version == 1
    assert not home.manifest_file.exists()


def test_nobody_else_may_look_into_it(home: AdminHome) -> None:
    folder = home.root_file.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in (folder / "admins").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_each_home_has_its_own_salt_and_keys(tmp_path: Path) -> None:
    one, two = make_home(tmp_path / "1"), make_home(tmp_path / "2")
    assert one.pending(TODAY).receipt.salt != two.pending(TODAY).receipt.salt
    assert one.root().admins != two.root().admins


def test_three_versions_in_a_row_are_what_a_server_accepts(home: AdminHome) -> None:
    assert signed(home, epoch()) == 1
    assert signed(home, DECEMBER) == 2
    assert signed(home, epoch(recipients=(recipient(2, Role.CUSTODIANS),)), today=LATER) == 3
    chain = parse_chain(home.manifest_file.read_bytes())
    accepted = accept_chain(home.root(), chain, today=LATER, seen=NOTHING_SEEN)
    assert accepted == home.current(LATER)
    assert [e.id for e in accepted.epochs] == ["2026-11", "2026-12"]
    assert accepted.epochs[0].recipients == (recipient(), recipient(2, Role.CUSTODIANS))
    assert (accepted.issued, accepted.expires) == (LATER, LATER + LIFETIME)


def test_epochs_are_put_in_order(home: AdminHome) -> None:
    home.add_recipients((DECEMBER,), TODAY)
    assert [e.id for e in home.add_recipients((epoch(),), TODAY).epochs] == ["2026-11", "2026-12"]


@pytest.mark.parametrize(
    "added",
    [
        epoch(),
        epoch(recipients=(recipient(5),), ends=dt.date(2026, 11, 30)),
        epoch(id="other", recipients=(recipient(5),)),
        epoch(id="bad id", begins=dt.date(2027, 1, 1), ends=dt.date(2027, 2, 1)),
    ],
    ids=["the same recipient again", "other days", "overlapping", "a bad id"],
)
def test_recipients_that_do_not_fit_change_nothing(home: AdminHome, added: Epoch) -> None:
    before = home.add_recipients((epoch(),), TODAY)
    with pytest.raises(ManifestRefused):
        home.add_recipients((added,), TODAY)
    assert home.pending(TODAY) == before
    assert home.sign("aye", PASSPHRASE, TODAY) == before


def test_a_change_after_a_complete_version_begins_the_next(home: AdminHome) -> None:
    home.add_recipients((epoch(),), TODAY)
    home.sign("aye", PASSPHRASE, TODAY)
    changed = home.add_recipients((DECEMBER,), TODAY)
    assert changed.version == 2
    assert len(home.chain()) == 1


def test_nothing_waits_after_it_is_signed(home: AdminHome) -> None:
    signed(home, epoch())
    with pytest.raises(VaultUnusable, match="Nothing waits"):
        home.sign("aye", PASSPHRASE, TODAY)


def test_wrong_passphrases_and_strangers_sign_nothing(home: AdminHome) -> None:
    home.add_recipients((epoch(),), TODAY)
    with pytest.raises(WrongPassphrase):
        home.sign("aye", Secret(b"other"), TODAY)
    with pytest.raises(VaultUnusable):
        home.sign("ba", PASSPHRASE, TODAY)
    assert home.current(TODAY) is None


def test_an_expired_manifest_can_be_renewed(home: AdminHome) -> None:
    signed(home, epoch())
    with pytest.raises(ManifestRefused, match="expired"):
        home.current(LATER)
    assert home.pending(LATER).version == 2
    assert signed(home, DECEMBER, today=LATER) == 2
    assert home.current(LATER) is not None


def test_signing_that_was_interrupted_at_its_end_is_simply_over(home: AdminHome) -> None:
    home.add_recipients((epoch(),), TODAY)
    pending = home.root_file.parent / "pending.json"
    waiting = pending.read_bytes()
    home.sign("aye", PASSPHRASE, TODAY)
    # As if the power had gone between writing manifest.json and removing what was pending.
    pending.write_bytes(waiting)
    with pytest.raises(VaultUnusable, match="Nothing waits"):
        home.sign("aye", PASSPHRASE, TODAY)
    assert signed(home, DECEMBER) == 2


def test_a_pending_manifest_that_somebody_changed_is_refused_once_signed(home: AdminHome) -> None:
    manifest = home.add_recipients((epoch(),), TODAY)
    home._save_pending(dataclasses.replace(manifest, version=2))
    with pytest.raises(ManifestRefused):
        home.sign("aye", PASSPHRASE, TODAY)
    assert not home.manifest_file.exists()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "-x", "မေ", "a" * 65, "a\n", " a"])
def test_an_admins_name_is_one_of_a_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(VaultUnusable):
        AdminHome(tmp_path / "home").create(
            organisation="Test",
            admin=name,
            passphrase=PASSPHRASE,
            today=TODAY,
            work_factor=WORK_FACTOR,
        )
    assert not (tmp_path / "home").exists()


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"kept")
    with pytest.raises(VaultUnusable, match="not empty"):
        make_home(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_is_no_home(tmp_path: Path) -> None:
    with pytest.raises(VaultUnusable, match="intake-keys init"):
        AdminHome(tmp_path / "missing").root()
    (tmp_path / "root.pub").write_bytes(b"{}")
    with pytest.raises(VaultUnusable, match="intake-keys init"):
        AdminHome(tmp_path).root()
