from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.keyfile import parse_identities
from intake.age.opening.open import open_bytes
from intake.age.opening.passphrase import PassphraseIdentity
from intake.age.sealing.passphrase import PassphraseRecipient
from intake.age.sealing.seal import seal_bytes
from intake.errors import (
    FolderRefused,
    NotForUs,
    NotInVault,
    VaultUnusable,
    WrongPassphrase,
)
from intake.manifest.model import Role
from intake.offline.catalogue import Status
from intake.offline.inbox import import_bundle
from intake.offline.vault import Vault
from intake.secret import Secret
from tests.support.submissions import ACCOUNT, EPOCH, LATER, Stick, seal
from tests.support.vaults import PASSPHRASE, WORK_FACTOR, environment, make_vault


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return make_vault(tmp_path / "vault")


def fill(vault: Vault, folder: Path, *accounts: str) -> Stick:
    recipient = vault.keys.epochs[EPOCH].recipient()
    stick = Stick.make(folder, *(seal([recipient], account) for account in accounts))
    import_bundle(vault, folder, lambda _count: None, LATER)
    return stick


def unlocked(vault: Vault) -> Vault:
    return Vault.unlock(vault.submissions_folder.parent, PASSPHRASE)


# --- made and unlocked -----------------------------------------------------------------------


def test_unlocked_it_holds_what_was_put_in(vault: Vault, tmp_path: Path) -> None:
    fill(vault, tmp_path / "stick", ACCOUNT)
    again = unlocked(vault)
    assert again.keys == vault.keys
    assert again.name == "reviewer"
    assert again.ids() == vault.ids()
    with again.envelope(again.ids()[0]) as envelope:
        assert envelope.account_text() == ACCOUNT


def test_nobody_else_may_look_into_it(vault: Vault) -> None:
    folder = vault.submissions_folder.parent
    for path in (folder, vault.submissions_folder):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in folder.glob("*.age"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_its_description_names_the_recipient_and_no_secret(vault: Vault) -> None:
    text = (vault.submissions_folder.parent / "vault.json").read_text()
    assert json.loads(text) == {
        "format": "intake-vault-1",
        "name": "reviewer",
        "recipient": str(vault.keys.vault.recipient()),
        "work_factor": WORK_FACTOR,
    }
    assert "SECRET" not in text


def test_no_file_of_it_holds_a_key_or_an_account_in_the_clear(vault: Vault, tmp_path: Path) -> None:
    fill(vault, tmp_path / "stick", ACCOUNT)
    vault.mark_read(vault.ids()[0])
    for path in vault.submissions_folder.parent.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for secret in (b"AGE-SECRET-KEY", ACCOUNT[:10].encode(), b"account.json"):
                assert secret not in data


@pytest.mark.parametrize("passphrase", [b"Demo", b"demo ", b"d", b"\x00"])
def test_another_passphrase_does_not_unlock_it(vault: Vault, passphrase: bytes) -> None:
    with pytest.raises(WrongPassphrase, match="passphrase"):
        Vault.unlock(vault.submissions_folder.parent, Secret(passphrase))


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"kept")
    with pytest.raises(VaultUnusable, match="not empty"):
        make_vault(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_vault_is_not_made_over_another(vault: Vault) -> None:
    with pytest.raises(VaultUnusable, match="not empty"):
        make_vault(vault.submissions_folder.parent)
    assert unlocked(vault).keys == vault.keys


@pytest.mark.parametrize("there", [False, True])
def test_a_vault_is_made_in_a_new_folder_or_an_empty_one(tmp_path: Path, *, there: bool) -> None:
    folder = tmp_path / "of" / "vault"
    if there:
        folder.mkdir(parents=True)
    vault = make_vault(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.parent.iterdir()] == ["vault"]
    assert unlocked(vault).keys == vault.keys


def test_what_fails_while_it_is_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError("full")

    with monkeypatch.context() as patch:
        patch.setattr("intake.offline.vault.write_file", full)
        with pytest.raises(OSError, match="full"):
            make_vault(tmp_path / "vault")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_of_its_own_or_a_link_is_no_place_for_a_vault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    with pytest.raises(FolderRefused, match="is a link"):
        make_vault(tmp_path / "link")
    monkeypatch.setattr(Path, "is_mount", lambda path: path.name == "disk")
    with pytest.raises(VaultUnusable, match="a new folder on it"):
        make_vault(tmp_path / "disk")


KEYS = "identities.age"


def sealed_keys(text: str) -> bytes:
    return seal_bytes(text.encode(), [PassphraseRecipient(PASSPHRASE, WORK_FACTOR)])


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("vault.json", None, "is not a vault"),
        ("vault.json", b"", "is not a vault"),
        ("vault.json", b"[]", "is not a vault"),
        ("vault.json", b'{"format": "intake-vault-1"}', "is not a vault"),
        ("vault.json", b'{"format": "intake-vault-9"}', "another version"),
        (KEYS, None, "damaged"),
        (KEYS, b"", "damaged"),
        (KEYS, b"words", "damaged"),
        (KEYS, sealed_keys(""), "damaged"),
        (KEYS, sealed_keys("# epoch 2026-11\n" + HybridIdentity.generate().encode()), "damaged"),
        (KEYS, sealed_keys("# vault\n" + HybridIdentity.generate().encode())[:-1], "damaged"),
        (KEYS, sealed_keys("# vault\nAGE-SECRET-KEY-PQ-1"), "damaged"),
        (KEYS, seal_bytes(b"", [HybridIdentity.generate().recipient()]), "damaged"),
    ],
)
def test_what_is_no_vault_or_damaged_says_so(
    vault: Vault, name: str, content: bytes | None, sentence: str
) -> None:
    path = vault.submissions_folder.parent / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VaultUnusable, match=sentence):
        unlocked(vault)


# --- keys ------------------------------------------------------------------------------------


def test_plain_age_opens_the_keys_and_with_them_everything(vault: Vault, tmp_path: Path) -> None:
    stick = fill(vault, tmp_path / "stick", ACCOUNT)
    sealed = (vault.submissions_folder.parent / KEYS).read_bytes()
    keys = parse_identities(open_bytes(sealed, [PassphraseIdentity(PASSPHRASE)]).decode())
    assert list(keys) == [vault.keys.vault, vault.keys.epochs[EPOCH]]
    inside = open_bytes(vault.path(vault.ids()[0]).read_bytes(), keys)
    assert inside == open_bytes(stick.path(0).read_bytes(), keys)


def test_further_epochs_leave_the_earlier_ones(vault: Vault) -> None:
    earlier = dict(vault.keys.epochs)
    added = {"2026-12": HybridIdentity.generate(), "2027-01": HybridIdentity.generate()}
    with vault.exclusive():
        vault.add_epochs(added)
    assert unlocked(vault).keys.epochs == {**earlier, **added} == vault.keys.epochs


def test_an_epochs_key_is_never_replaced(vault: Vault) -> None:
    before = vault.keys
    with vault.exclusive(), pytest.raises(VaultUnusable, match=EPOCH):
        vault.add_epochs({"2027-01": HybridIdentity.generate(), EPOCH: HybridIdentity.generate()})
    assert unlocked(vault).keys == before


def test_keys_that_another_process_made_meanwhile_are_kept(vault: Vault) -> None:
    """Both unlocked before either wrote: a lost key would be lost accounts."""
    other = unlocked(vault)
    one, two = HybridIdentity.generate(), HybridIdentity.generate()
    with vault.exclusive():
        vault.add_epochs({"2026-12": one})
    with other.exclusive():
        other.add_epochs({"2027-01": two})
    keys = unlocked(vault).keys.epochs
    assert (keys["2026-12"], keys["2027-01"]) == (one, two)
    with vault.exclusive(), pytest.raises(VaultUnusable, match="2027-01"):
        vault.add_epochs({"2027-01": HybridIdentity.generate()})


def test_keys_of_two_roles_stand_beside_each_other(vault: Vault) -> None:
    reviewer, custodian = vault.keys.epochs[EPOCH], HybridIdentity.generate()
    with vault.exclusive():
        vault.add_epochs({EPOCH: custodian}, Role.CUSTODIANS)
        with pytest.raises(VaultUnusable, match=EPOCH):
            vault.add_epochs({EPOCH: HybridIdentity.generate()}, Role.CUSTODIANS)
    keys = unlocked(vault).keys
    assert (keys.epochs, keys.custodians) == ({EPOCH: reviewer}, {EPOCH: custodian})


def test_what_is_lent_is_held_in_memory_alone(vault: Vault) -> None:
    before = {path: path.read_bytes() for path in vault.folder.iterdir() if path.is_file()}
    lent = HybridIdentity.generate()
    vault.lend(EPOCH, Role.CUSTODIANS, lent)
    assert vault.lent_to(Role.CUSTODIANS) == (lent,)
    assert vault.lent_to(Role.REVIEWERS) == ()
    assert unlocked(vault).lent_to(Role.CUSTODIANS) == ()
    assert {path: path.read_bytes() for path in before} == before
    assert "AGE-SECRET" not in repr(vault.lent)


# --- finding and describing ------------------------------------------------------------------


def test_a_few_digits_of_an_id_are_enough(vault: Vault) -> None:
    for name in ("ab" + "0" * 30, "ac" + "0" * 30, "b" * 32):
        vault.path(name).write_bytes(b"")
    assert vault.find("b") == "b" * 32
    assert vault.find("B" * 32) == "b" * 32
    assert vault.find("ab") == "ab" + "0" * 30
    for prefix in ("", "c", "abc", "b" * 33, "../", "*"):
        with pytest.raises(NotInVault, match="holds no submission"):
            vault.find(prefix)
    with pytest.raises(NotInVault, match="Several"):
        vault.find("a")


def test_only_sealed_submissions_are_listed(vault: Vault) -> None:
    for name in ("notes.txt", "a" * 31 + ".age", "A" * 32 + ".age", "b" * 32 + ".partial"):
        (vault.submissions_folder / name).write_bytes(b"")
    assert vault.ids() == ()


def test_a_lost_catalogue_is_made_again_from_the_submissions(vault: Vault, tmp_path: Path) -> None:
    fill(vault, tmp_path / "stick", ACCOUNT, "another")
    before = vault.entries()
    (vault.submissions_folder.parent / "catalogue.age").unlink()
    after = vault.entries()
    assert after.keys() == before.keys()
    for entry in after.values():
        assert (entry.epoch, entry.language, entry.attachments) == (EPOCH, "my", 0)
        assert (entry.day, entry.received_sha256, entry.status) == (None, None, Status.UNREAD)


def test_what_was_read_is_marked(vault: Vault, tmp_path: Path) -> None:
    fill(vault, tmp_path / "stick", ACCOUNT, "another")
    one, two = vault.ids()
    vault.mark_read(one)
    vault.mark_read(one)
    assert vault.entries()[one].status is Status.READ
    assert unlocked(vault).entries()[two].status is Status.UNREAD


def test_a_submission_of_another_vault_does_not_open(vault: Vault, tmp_path: Path) -> None:
    other = make_vault(tmp_path / "other")
    fill(other, tmp_path / "stick", ACCOUNT)
    name = other.ids()[0]
    shutil.copyfile(other.path(name), vault.path(name))
    with pytest.raises(NotForUs), vault.envelope(name):
        pass
    assert vault.entries()[name].status is Status.LOCKED


def test_only_what_is_as_it_came_is_called_a_quorums(vault: Vault, tmp_path: Path) -> None:
    """A header that was damaged is nobody's, and no shares open it."""
    fill(vault, tmp_path / "stick", ACCOUNT)
    name = vault.ids()[0]
    stranger = seal([HybridIdentity.generate().recipient()])
    whole = vault.path(name).read_bytes()
    at = whole.index(b"-> ") + 60
    other = b"B" if whole[at : at + 1] == b"A" else b"A"
    for data in (stranger, whole[:at] + other + whole[at + 1 :]):
        vault.path(name).write_bytes(data)
        with pytest.raises(NotForUs, match="Import the stick that brought it again"):
            vault.envelope(name).__enter__()


# --- two at once -----------------------------------------------------------------------------

HOLD = """
import sys
from pathlib import Path
from intake.offline.vault import Vault
from intake.secret import Secret
vault = Vault.unlock(Path(sys.argv[1]), Secret(b"demo"))
with vault.exclusive():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_who_comes_second_waits_and_a_killed_process_holds_nothing(vault: Vault) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(vault.submissions_folder.parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        entered = threading.Event()

        def enter() -> None:
            with vault.exclusive():
                entered.set()

        second = threading.Thread(target=enter)
        second.start()
        assert not entered.wait(0.3)
        holder.kill()
        assert entered.wait(10)
        second.join()
