from __future__ import annotations

import dataclasses
import datetime as dt
import stat
from pathlib import Path

import pytest

from intake.errors import DocumentMalformed, ManifestRefused, VaultUnusable, WrongPassphrase
from intake.manifest import dsse
from intake.manifest.acceptance import NOTHING_SEEN, accept_chain
from intake.manifest.chain import parse_chain
from intake.manifest.model import Epoch, Manifest, Role
from intake.manifest.payload import parse_root, serialise_manifest
from intake.manifest.signing import SigningIdentity, parse_admin
from intake.offline.admin.home import AdminHome
from intake.offline.admin.next_version import LIFETIME, with_admins
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


def make_home(folder: Path, *admins: str, threshold: int = 1) -> AdminHome:
    home = AdminHome(folder)
    home.create(
        organisation="Test",
        admins=dict.fromkeys(admins or ("aye",), PASSPHRASE),
        threshold=threshold,
        today=TODAY,
        work_factor=WORK_FACTOR,
    )
    return home


@pytest.fixture
def home(tmp_path: Path) -> AdminHome:
    return make_home(tmp_path / "home")


def sign(home: AdminHome, *admins: str) -> Manifest | None:
    """Let these sign, and return the manifest once it is complete."""
    for name in admins or ("aye",):
        waiting = home.sign(name, PASSPHRASE)
    if not waiting.complete:
        return None
    home.complete(waiting)
    return waiting.manifest


def signed(home: AdminHome, *epochs: Epoch, today: dt.date = TODAY) -> int:
    home.add_recipients(epochs, today)
    manifest = sign(home)
    assert manifest is not None
    return manifest.version


def test_a_new_home_has_a_root_an_admin_and_nothing_complete(home: AdminHome) -> None:
    assert home.root() == parse_root(home.root_file.read_bytes())
    assert home.admins() == ("aye",)
    assert home.chain() == ()
    assert home.current() is None
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
    assert accepted == home.current()
    assert [e.id for e in accepted.epochs] == ["2026-11", "2026-12"]
    assert accepted.epochs[0].recipients == (recipient(), recipient(2, Role.CUSTODIANS))
    assert (accepted.issued, accepted.expires) == (LATER, LATER + LIFETIME)


@pytest.mark.parametrize(
    "added",
    [
        epoch(recipients=(recipient(5),), ends=dt.date(2026, 11, 30)),
        epoch(id="other", recipients=(recipient(5),)),
        epoch(id="bad id", begins=dt.date(2027, 1, 1), ends=dt.date(2027, 2, 1)),
    ],
    ids=["other days", "overlapping", "a bad id"],
)
def test_recipients_that_do_not_fit_change_nothing(home: AdminHome, added: Epoch) -> None:
    before = home.add_recipients((epoch(),), TODAY)
    with pytest.raises(ManifestRefused):
        home.add_recipients((added,), TODAY)
    assert home.pending(TODAY) == before
    assert sign(home) == before


def test_a_change_after_a_complete_version_begins_the_next(home: AdminHome) -> None:
    home.add_recipients((epoch(),), TODAY)
    sign(home)
    changed = home.add_recipients((DECEMBER,), TODAY)
    assert changed.version == 2
    assert len(home.chain()) == 1


def test_nothing_waits_after_it_is_signed(home: AdminHome) -> None:
    signed(home, epoch())
    assert home.waiting() is None
    with pytest.raises(VaultUnusable, match="Nothing waits"):
        home.sign("aye", PASSPHRASE)


def test_wrong_passphrases_and_strangers_sign_nothing(home: AdminHome) -> None:
    home.add_recipients((epoch(),), TODAY)
    with pytest.raises(WrongPassphrase):
        home.sign("aye", Secret(b"other"))
    with pytest.raises(VaultUnusable):
        home.sign("ba", PASSPHRASE)
    assert home.current() is None


def test_an_expired_manifest_can_be_renewed(home: AdminHome) -> None:
    signed(home, epoch())
    assert home.pending(LATER).version == 2
    assert signed(home, DECEMBER, today=LATER) == 2


def test_signing_that_was_interrupted_at_its_end_is_simply_over(home: AdminHome) -> None:
    home.add_recipients((epoch(),), TODAY)
    waiting = home.pending_file.read_bytes()
    sign(home)
    # As if the power had gone between writing manifest.json and removing what was pending.
    home.pending_file.write_bytes(waiting)
    assert home.waiting() is None
    with pytest.raises(VaultUnusable, match="Nothing waits"):
        home.sign("aye", PASSPHRASE)
    assert signed(home, DECEMBER) == 2


def test_what_could_never_be_accepted_is_refused_before_anybody_signs_it(home: AdminHome) -> None:
    manifest = home.add_recipients((epoch(),), TODAY)
    for changes in (
        {"version": 2},
        {"organisation": "another"},
        {"previous": "00" * 32},
        {"threshold": 2},
        {"epochs": (epoch(id="a"), epoch(id="b"))},
        {"acks_required": 2},
        {"server": home.root().admins[0].key},
    ):
        home.save(dataclasses.replace(manifest, **changes))
        with pytest.raises(ManifestRefused):
            home.sign("aye", PASSPHRASE)
    assert not home.manifest_file.exists()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "-x", "မေ", "a" * 65, "a\n", " a"])
def test_an_admins_name_is_one_of_a_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(VaultUnusable):
        make_home(tmp_path / "home", name or "")
    if name:
        with pytest.raises(VaultUnusable):
            AdminHome(tmp_path / "home").join(name, PASSPHRASE, work_factor=WORK_FACTOR)
    assert name == "" or not (tmp_path / "home").exists()


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"kept")
    with pytest.raises(VaultUnusable, match="not empty"):
        make_home(tmp_path)
    with pytest.raises(VaultUnusable, match="not empty"):
        AdminHome(tmp_path).join("aye", PASSPHRASE, work_factor=WORK_FACTOR)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_is_no_home(tmp_path: Path) -> None:
    with pytest.raises(VaultUnusable, match="intake-keys init"):
        AdminHome(tmp_path / "missing").root()
    (tmp_path / "root.pub").write_bytes(b"{}")
    with pytest.raises(VaultUnusable, match="intake-keys init"):
        AdminHome(tmp_path).root()


# --- several admins --------------------------------------------------------------------------


def test_a_threshold_that_cannot_be_met_makes_no_home(tmp_path: Path) -> None:
    with pytest.raises(ManifestRefused, match="more signatures"):
        make_home(tmp_path / "home", "aye", "ba", threshold=3)
    assert not (tmp_path / "home").exists()


def test_two_of_three_must_sign_and_one_twice_is_one(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "aye", "ba", "chit", threshold=2)
    home.add_recipients((epoch(),), TODAY)
    assert home.sign("aye", PASSPHRASE).signed == ("aye",)
    assert not home.sign("aye", PASSPHRASE).complete
    assert home.current() is None
    manifest = sign(home, "chit")
    assert manifest is not None
    assert home.current() == manifest


def test_a_change_after_a_signature_must_be_signed_anew(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "aye", "ba", threshold=2)
    home.add_recipients((epoch(),), TODAY)
    home.sign("aye", PASSPHRASE)
    home.add_recipients((DECEMBER,), TODAY)
    assert home.sign("ba", PASSPHRASE).signed == ("ba",)


def test_new_admins_need_the_old_threshold_and_the_new(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "aye", "ba", threshold=2)
    home.add_recipients((epoch(),), TODAY)
    assert sign(home, "aye", "ba") is not None
    chit = home.new_admin("chit", PASSPHRASE, work_factor=WORK_FACTOR)
    handed = with_admins(home.pending(TODAY), add=(chit,), remove=("aye", "ba"), threshold=1)
    home.save(handed)
    assert not home.sign("chit", PASSPHRASE).complete
    assert not home.sign("aye", PASSPHRASE).complete
    assert sign(home, "ba") == handed
    home.add_recipients((DECEMBER,), TODAY)
    assert not home.sign("aye", PASSPHRASE).complete
    assert sign(home, "chit") is not None


def test_an_admin_made_but_not_named_yet_is_taken_as_it_is(home: AdminHome) -> None:
    first = home.new_admin("ba", PASSPHRASE, work_factor=WORK_FACTOR)
    assert home.new_admin("ba", PASSPHRASE, work_factor=WORK_FACTOR) == first
    with pytest.raises(WrongPassphrase):
        home.new_admin("ba", Secret(b"other"), work_factor=WORK_FACTOR)


# --- several homes ---------------------------------------------------------------------------


@pytest.fixture
def homes(tmp_path: Path) -> tuple[AdminHome, AdminHome]:
    """Two admins, each with a home; both must sign."""
    away = AdminHome(tmp_path / "away")
    public = away.join("ba", PASSPHRASE, work_factor=WORK_FACTOR)
    here = AdminHome(tmp_path / "here")
    here.create(
        organisation="Test",
        admins={"aye": PASSPHRASE},
        others=(parse_admin(public.read_bytes()),),
        threshold=2,
        today=TODAY,
        work_factor=WORK_FACTOR,
    )
    away.root_file.write_bytes(here.root_file.read_bytes())
    return here, away


def test_a_version_travels_between_homes_until_enough_have_signed(
    homes: tuple[AdminHome, AdminHome],
) -> None:
    here, away = homes
    here.add_recipients((epoch(),), TODAY)
    here.sign("aye", PASSPHRASE)
    assert away.collect(here.pending_file).signed == ("aye",)
    waiting = away.sign("ba", PASSPHRASE)
    assert waiting.complete
    away.complete(waiting)
    here.pending_file.write_bytes(dsse.envelope_bytes(waiting.envelope))
    collected = here.collect(here.pending_file)
    assert collected.complete
    here.complete(collected)
    assert here.current() == away.current()
    here.manifest_file.write_bytes(away.manifest_file.read_bytes())
    here.pending_file.write_bytes(dsse.envelope_bytes(waiting.envelope))
    with pytest.raises(VaultUnusable, match="complete already"):
        here.collect(here.pending_file)


def test_signatures_made_apart_are_put_together(
    homes: tuple[AdminHome, AdminHome], tmp_path: Path
) -> None:
    here, away = homes
    here.add_recipients((epoch(),), TODAY)
    carried = tmp_path / "carried.json"
    carried.write_bytes(here.pending_file.read_bytes())
    here.sign("aye", PASSPHRASE)
    away.collect(carried)
    carried.write_bytes(dsse.envelope_bytes(away.sign("ba", PASSPHRASE).envelope))
    assert here.collect(carried).complete


def test_another_version_than_the_one_that_waits_is_not_taken(
    homes: tuple[AdminHome, AdminHome], tmp_path: Path
) -> None:
    here, away = homes
    carried = tmp_path / "carried.json"
    here.add_recipients((epoch(),), TODAY)
    carried.write_bytes(here.pending_file.read_bytes())
    away.collect(carried)
    here.add_recipients((DECEMBER,), TODAY)
    before = here.pending_file.read_bytes()
    with pytest.raises(VaultUnusable, match="Another version waits"):
        here.collect(carried)
    assert here.pending_file.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"{}", b"junk", b"\xff"])
def test_what_is_carried_and_no_manifest_is_refused(home: AdminHome, content: bytes) -> None:
    carried = home.root_file.parent / "carried.json"
    carried.write_bytes(content)
    before = home.pending_file.read_bytes()
    with pytest.raises(DocumentMalformed):
        home.collect(carried)
    assert home.pending_file.read_bytes() == before


def test_a_carried_version_for_another_root_is_refused(home: AdminHome, tmp_path: Path) -> None:
    stranger = SigningIdentity.generate("stranger")
    changed = dataclasses.replace(home.pending(TODAY), organisation="another")
    envelope = dsse.Envelope(dsse.MANIFEST_TYPE, serialise_manifest(changed), ())
    carried = tmp_path / "carried.json"
    carried.write_bytes(dsse.envelope_bytes(stranger.sign(envelope)))
    with pytest.raises(ManifestRefused, match="another organisation"):
        home.collect(carried)


def test_what_is_signed_as_something_else_is_never_signed(home: AdminHome, tmp_path: Path) -> None:
    """Whoever carries it could have an admin sign a manifest's bytes as another kind of thing."""
    carried = tmp_path / "carried.json"
    payload = serialise_manifest(home.pending(TODAY))
    carried.write_bytes(dsse.envelope_bytes(dsse.Envelope("application/other", payload, ())))
    before = home.pending_file.read_bytes()
    with pytest.raises(ManifestRefused, match="something else"):
        home.collect(carried)
    assert home.pending_file.read_bytes() == before
    home.pending_file.write_bytes(carried.read_bytes())
    for stuck in (home.waiting, lambda: home.sign("aye", PASSPHRASE)):
        with pytest.raises(ManifestRefused, match="Remove the file"):
            stuck()
    assert home.pending_file.read_bytes() == carried.read_bytes()


def test_a_home_that_is_behind_is_told_what_to_copy(
    homes: tuple[AdminHome, AdminHome], tmp_path: Path
) -> None:
    here, away = homes
    here.add_recipients((epoch(),), TODAY)
    carried = tmp_path / "carried.json"
    carried.write_bytes(here.pending_file.read_bytes())
    away.collect(carried)
    here.sign("aye", PASSPHRASE)
    carried.write_bytes(dsse.envelope_bytes(away.sign("ba", PASSPHRASE).envelope))
    here.complete(here.collect(carried))
    here.add_recipients((DECEMBER,), TODAY)
    away.pending_file.unlink()
    carried.write_bytes(here.pending_file.read_bytes())
    with pytest.raises(ManifestRefused, match=r"copy manifest\.json from the home"):
        away.collect(carried)
