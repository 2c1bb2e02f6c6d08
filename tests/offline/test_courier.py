"""Returns as a vault writes them: what is acknowledged, what is carried, and on what stick."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from intake.age.header import parse_header
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.courier.bundle import LISTING, read_bundle
from intake.courier.returns import (
    REPLIES,
    RETURN,
    RETURNS,
    Acknowledgement,
    Return,
    read_return,
    return_folders,
    serialise_return,
)
from intake.envelope.reply import SLOT_SIZE, read_reply
from intake.errors import BundleBroken, VaultUnusable
from intake.manifest import dsse
from intake.manifest.model import Role
from intake.manifest.payload import serialise_root
from intake.manifest.signing import SigningIdentity
from intake.offline import replies
from intake.offline.answering import queue
from intake.offline.catalogue import Status
from intake.offline.inbox import ImportReport, import_bundle
from intake.offline.mailboxes import GONE, ON_THE_WAY, TO_ACKNOWLEDGE, on_the_way
from intake.offline.returning import Returned, total_size, write_return
from intake.offline.vault import Vault
from intake.receipt.mailbox import MailboxAddresses
from intake.secret import Secret
from tests.support.manifests import root
from tests.support.submissions import EPOCH, LATER, MAILBOX, Stick, record, seal
from tests.support.vaults import (
    PASSPHRASE,
    SERVER,
    Program,
    history_of,
    make_vault,
    returned,
    review,
)

WORDS = "ဘယ်နေ့က ဖြစ်တာလဲ။"


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return make_vault(tmp_path / "vault")


@pytest.fixture
def stick(vault: Vault, tmp_path: Path) -> Stick:
    """A signed bundle with two accounts, imported."""
    mine = [vault.keys.epochs[EPOCH].recipient()]
    stick = Stick.make(tmp_path / "stick", seal(mine, "one"), seal(mine, "two"))
    stick.sign(SERVER, root(), history_of(vault))
    take(vault, stick)
    return stick


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "passphrase").write_bytes(PASSPHRASE.reveal())
    return review(tmp_path / "vault", tmp_path / "passphrase")


def take(vault: Vault, stick: Stick) -> ImportReport:
    return import_bundle(vault, stick.folder, lambda _count: None, LATER)


def send(vault: Vault, folder: Path) -> Returned:
    return write_return(vault, folder, lambda _count: None)


def acknowledged(content: Return) -> set[str]:
    return {acknowledgement.submission for acknowledgement in content.acknowledgements}


def ways(vault: Vault) -> dict[str, str | None]:
    known = vault.shown(vault.catalogue())
    return {name: on_the_way(known, entry) for name, entry in known.entries.items()}


# --- what is written -------------------------------------------------------------------------


def test_a_return_is_what_the_server_expects(vault: Vault, stick: Stick, tmp_path: Path) -> None:
    reply = queue(vault, stick.submissions[0].id, WORDS, LATER)
    written = send(vault, tmp_path / "back")
    own = returned(vault, tmp_path / "back")
    signed = read_return(own)
    assert signed.content == written.content
    manifest_vaults = [s for s in (vault.signer(),) if s is not None]
    assert signed.signer([s.public() for s in manifest_vaults]) is not None
    assert signed.signer([SigningIdentity.generate("reviewer").public()]) is None
    assert signed.content.root == hashlib.sha256(serialise_root(root())).hexdigest()
    assert signed.content.sequence == 1
    assert set(signed.content.acknowledgements) == {
        Acknowledgement(s.id, s.sha256) for s in stick.submissions
    }
    [carried] = signed.content.replies
    assert carried.id == reply.id
    slot = carried.path(own).read_bytes()
    assert (len(slot), hashlib.sha256(slot).hexdigest()) == (SLOT_SIZE, carried.sha256)
    assert read_reply(open_bytes(slot, [MAILBOX])) == WORDS
    addresses = MailboxAddresses.of(Secret(bytes.fromhex(record().reply_key)))
    assert carried.addresses == tuple(address.hex() for address in addresses.all)


def test_one_folder_serves_both_ways(vault: Vault, stick: Stick) -> None:
    before = {path: path.read_bytes() for path in stick.folder.rglob("*") if path.is_file()}
    send(vault, stick.folder)
    assert {path: path.read_bytes() for path in before} == before
    assert read_bundle(stick.folder).bundle.sequence == 1
    assert take(vault, stick).refused == ()


def test_each_return_has_its_number_and_says_all_again(vault: Vault, stick: Stick) -> None:
    queue(vault, stick.submissions[0].id, WORDS, LATER)
    found = [send(vault, stick.folder).content for _ in range(3)]
    assert [content.sequence for content in found] == [1, 2, 3]
    assert {acknowledged(content) == stick.ids() for content in found} == {True}
    assert {len(content.replies) for content in found} == {1}


def test_what_has_arrived_lies_on_no_stick_any_more(vault: Vault, stick: Stick) -> None:
    queued = [queue(vault, stick.submissions[0].id, text, LATER) for text in ("one", "two")]
    send(vault, stick.folder)
    slots = returned(vault, stick.folder) / REPLIES
    (slots / f".{'ab' * 16}.age.0123456789ab.draft").write_bytes(b"half")
    (slots / "notes.txt").write_bytes(b"somebody else's")
    with vault.exclusive():
        replies.save(vault, replace(queued[0], state=replies.State.FILED))
    send(vault, stick.folder)
    assert {path.name for path in slots.iterdir()} == {f"{queued[1].id}.age", "notes.txt"}


def test_a_reply_stays_the_file_that_the_return_before_names(vault: Vault, stick: Stick) -> None:
    """So that this one counts until the next has taken its place."""
    queue(vault, stick.submissions[0].id, WORDS, LATER)
    own = returned(vault, stick.folder)
    [before] = send(vault, stick.folder).content.replies
    assert send(vault, stick.folder).content.replies == (before,)
    flip(before.path(own))
    [after] = send(vault, stick.folder).content.replies
    assert (after.id, after.sha256 != before.sha256) == (before.id, True)
    assert hashlib.sha256(after.path(own).read_bytes()).hexdigest() == after.sha256


def test_what_another_signed_says_nothing_of_our_replies(vault: Vault, stick: Stick) -> None:
    reply = queue(vault, stick.submissions[0].id, WORDS, LATER)
    content = send(vault, stick.folder).content
    own = returned(vault, stick.folder)
    carried = replace(content.replies[0], sha256=hashlib.sha256(b"theirs").hexdigest())
    carried.path(own).write_bytes(b"theirs")
    other = SigningIdentity.generate("reviewer")
    (own / RETURN).write_bytes(serialise_return(replace(content, replies=(carried,)), other))
    [again] = send(vault, stick.folder).content.replies
    assert (again.id, len(again.path(own).read_bytes())) == (reply.id, SLOT_SIZE)


def test_a_vault_restored_from_a_copy_learns_its_number(vault: Vault, stick: Stick) -> None:
    signer = vault.signer()
    assert signer is not None
    stick.sequence, stick.taken = 2, {dsse.ed25519_keyid(signer.public().key): 41}
    stick.write()
    [warning] = take(vault, stick).warnings
    assert "taken return 41 of this vault, which knows only of 0" in warning
    assert "older copy" in warning
    assert send(vault, stick.folder).content.sequence == 42
    # It knows by now, and the server has taken what it knows of.
    stick.sequence = 3
    stick.write()
    assert take(vault, stick).warnings == ()


# --- what is acknowledged --------------------------------------------------------------------


def test_the_way_of_an_account_is_followed(vault: Vault, stick: Stick) -> None:
    one, two = (submission.id for submission in stick.submissions)
    assert ways(vault) == {one: TO_ACKNOWLEDGE, two: TO_ACKNOWLEDGE}
    send(vault, stick.folder)
    assert ways(vault) == {one: ON_THE_WAY, two: ON_THE_WAY}
    stick.sequence, stick.submissions = 2, stick.submissions[:1]
    stick.write()
    take(vault, stick)
    assert ways(vault) == {one: ON_THE_WAY, two: GONE}
    assert acknowledged(send(vault, stick.folder).content) == {one}


def test_only_what_the_newest_bundle_lists_is_acknowledged(
    vault: Vault, stick: Stick, tmp_path: Path
) -> None:
    mine = [vault.keys.epochs[EPOCH].recipient()]
    new = Stick.make(tmp_path / "new", seal(mine, "three"))
    new.sequence = 3
    new.sign(SERVER, root(), history_of(vault))
    take(vault, new)
    stick.sequence = 2
    added = stick.add(seal(mine, "four"))
    assert take(vault, stick).imported == (added.id,)
    assert acknowledged(send(vault, stick.folder).content) == new.ids()
    assert ways(vault)[added.id] == GONE


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


def break_header(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"->", b"~>", 1))


def seal_to_another(path: Path) -> None:
    path.write_bytes(seal([HybridIdentity.generate().recipient()], "one"))


SPOILED: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "cut": cut,
    "a bit of the payload": flip,
    "a broken header": break_header,
    "another's": seal_to_another,
}


@pytest.mark.parametrize("spoil", SPOILED)
def test_what_is_not_whole_here_is_not_acknowledged_and_mended_by_the_stick(
    spoil: str, vault: Vault, stick: Stick
) -> None:
    """The server's file may be the last: the vault's is read to its end before."""
    one, two = (submission.id for submission in stick.submissions)
    SPOILED[spoil](vault.path(one))
    assert acknowledged(send(vault, stick.folder).content) == {two}
    take(vault, stick)
    with vault.envelope(one) as envelope:
        assert envelope.account_text() == "one"
    assert acknowledged(send(vault, stick.folder).content) == {one, two}


@pytest.mark.parametrize("spoil", SPOILED)
def test_nothing_is_acknowledged_again_unread(spoil: str, vault: Vault, stick: Stick) -> None:
    """The stick with the first return was lost, and so may be the vault's copy by now."""
    one, two = (submission.id for submission in stick.submissions)
    send(vault, stick.folder)
    vault.mark_read(one)
    SPOILED[spoil](vault.path(one))
    returned_now = send(vault, stick.folder)
    assert acknowledged(returned_now.content) == {two}
    [warning] = returned_now.warnings
    assert one in warning
    assert "An earlier return acknowledged it (number 1)" in warning
    expected = Status.MISSING if spoil == "missing" else Status.DAMAGED
    assert vault.entries()[one].status is expected
    assert acknowledged(send(vault, stick.folder).content) == {two}
    take(vault, stick)
    assert acknowledged(send(vault, stick.folder).content) == {one, two}


def test_what_cannot_be_mended_stays_damaged(vault: Vault, stick: Stick) -> None:
    one = stick.submissions[0].id
    with vault.exclusive():
        vault.replace_keys(vault.keys.without(EPOCH))
    break_header(vault.path(one))
    assert one not in acknowledged(send(vault, stick.folder).content)
    take(vault, stick)
    assert vault.entries()[one].status is Status.DAMAGED
    assert one not in acknowledged(send(vault, stick.folder).content)


def test_damage_that_is_found_is_said(vault: Vault, stick: Stick) -> None:
    one = stick.submissions[0].id
    flip(vault.path(one))
    [warning] = send(vault, stick.folder).warnings
    assert one in warning
    assert vault.entries()[one].status is Status.DAMAGED


def test_what_came_damaged_is_not_acknowledged(vault: Vault, stick: Stick) -> None:
    mine = [vault.keys.epochs[EPOCH].recipient()]
    stick.add(seal(mine, "three")[:-50])
    take(vault, stick)
    assert acknowledged(send(vault, stick.folder).content) == {
        submission.id for submission in stick.submissions[:2]
    }


def test_a_quorums_account_is_acknowledged_while_it_is_together(vault: Vault, stick: Stick) -> None:
    quorum = HybridIdentity.generate()
    added = stick.add(seal([quorum.recipient()]))
    vault.lend(EPOCH, Role.REVIEWERS, quorum)
    take(vault, stick)
    outside = Vault.unlock(vault.folder, PASSPHRASE)
    assert added.id not in acknowledged(send(outside, stick.folder).content)
    assert added.id in acknowledged(send(vault, stick.folder).content)
    # From then on, as long as it is the very file that came.
    assert added.id in acknowledged(send(outside, stick.folder).content)
    flip(vault.path(added.id))
    assert added.id not in acknowledged(send(outside, stick.folder).content)


def test_what_is_read_is_told_for_the_progress(vault: Vault, stick: Stick) -> None:
    told: list[int] = []
    total = total_size(vault)
    write_return(vault, stick.folder, told.append)
    assert sum(told) == total == sum(vault.path(name).stat().st_size for name in stick.ids())
    # Each return says it anew, and reads it anew.
    write_return(vault, stick.folder, told.append)
    assert sum(told) == 2 * total_size(vault) == 2 * total


def test_the_hash_is_of_what_the_vault_keeps(vault: Vault, stick: Stick) -> None:
    """So that the vault alone can show what was received."""
    for submission in stick.submissions:
        source = io.BytesIO(vault.path(submission.id).read_bytes())
        parse_header(source)
        kept = hashlib.sha256(source.read()).hexdigest()
        assert vault.entries()[submission.id].payload_sha256 == kept == submission.payload_sha256


# --- refused ---------------------------------------------------------------------------------


def test_a_vault_that_no_manifest_names_writes_nothing(vault: Vault, stick: Stick) -> None:
    with vault.exclusive():
        vault.replace_keys(replace(vault.keys, signing=None))
    with pytest.raises(VaultUnusable, match="keys show --out"):
        send(vault, stick.folder)
    assert not (stick.folder / RETURNS).exists()
    assert vault.catalogue().sequence == 0


def test_a_custodians_vault_is_told_why_it_can_write_nothing(tmp_path: Path) -> None:
    vault = Vault.create(tmp_path / "vault", "ba", PASSPHRASE, work_factor=10)
    with vault.exclusive():
        vault.add_epochs({EPOCH: HybridIdentity.generate()}, Role.CUSTODIANS)
    with pytest.raises(VaultUnusable, match="custodian's and no reviewer's"):
        send(vault, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_vault_that_knows_no_manifest_writes_nothing(tmp_path: Path) -> None:
    vault = make_vault(tmp_path / "vault")
    with pytest.raises(VaultUnusable, match="import a stick first"):
        send(vault, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_with_the_catalogue_lost_the_newest_stick_comes_first(vault: Vault, stick: Stick) -> None:
    send(vault, stick.folder)
    (vault.folder / "catalogue.age").unlink()
    with pytest.raises(VaultUnusable, match="import the newest stick"):
        send(vault, stick.folder)
    signer = vault.signer()
    assert signer is not None
    stick.sequence, stick.taken = 2, {dsse.ed25519_keyid(signer.public().key): 1}
    stick.write()
    take(vault, stick)
    content = send(vault, stick.folder).content
    assert (content.sequence, acknowledged(content)) == (2, stick.ids())


def link(folder: Path, elsewhere: Path) -> None:
    folder.symlink_to(elsewhere)


def foreign(folder: Path, _elsewhere: Path) -> None:
    folder.mkdir()
    (folder / "thesis.odt").write_bytes(b"x")


def file(folder: Path, _elsewhere: Path) -> None:
    folder.write_bytes(b"x")


#: What stands in the way, and how far down: the stick, its returns, our folder there, its replies.
IN_THE_WAY = [
    *((put, depth) for put in (link, file) for depth in range(4)),
    # Beside replies other files may stand.
    *((foreign, depth) for depth in range(3)),
]


@pytest.mark.parametrize(("put", "depth"), IN_THE_WAY)
def test_a_folder_that_is_none_of_ours_is_refused(
    put: Callable[[Path, Path], None], depth: int, vault: Vault, stick: Stick, tmp_path: Path
) -> None:
    queue(vault, stick.submissions[0].id, WORDS, LATER)
    back = tmp_path / "back"
    own = returned(vault, back)
    at = (back, back / RETURNS, own, own / REPLIES)[depth]
    at.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "elsewhere").mkdir()
    put(at, tmp_path / "elsewhere")
    with pytest.raises(BundleBroken):
        send(vault, back)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    # Nothing is lost: the next has all of it.
    content = send(vault, stick.folder).content
    assert (len(content.replies), acknowledged(content)) == (1, stick.ids())


@pytest.mark.parametrize("name", [RETURN, f"{REPLIES}/{'ab' * 16}.age"])
def test_a_link_in_a_files_place_is_replaced_and_not_followed(
    name: str, vault: Vault, stick: Stick, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(b"mine")
    queue(vault, stick.submissions[0].id, WORDS, LATER)
    with vault.exclusive():
        [reply] = replies.load(vault).replies.values()
        replies.remove(vault, reply)
        replies.save(vault, replace(reply, id="ab" * 16))
    own = returned(vault, stick.folder)
    (own / REPLIES).mkdir(parents=True)
    (own / name).symlink_to(mine)
    send(vault, stick.folder)
    assert mine.read_bytes() == b"mine"
    assert not (own / name).is_symlink()


def test_a_stick_that_gives_back_something_else_is_said(
    vault: Vault, stick: Stick, monkeypatch: pytest.MonkeyPatch
) -> None:
    advise = os.posix_fadvise

    def worn(descriptor: int, *arguments: int) -> None:
        advise(descriptor, *arguments)
        path = Path(f"/proc/self/fd/{descriptor}").resolve()
        path.write_bytes(path.read_bytes()[:-1] + b"?")

    queue(vault, stick.submissions[0].id, WORDS, LATER)
    monkeypatch.setattr(os, "posix_fadvise", worn)
    with pytest.raises(BundleBroken, match="worn out"):
        send(vault, stick.folder)
    assert not (returned(vault, stick.folder) / RETURN).exists()
    assert set(ways(vault).values()) == {TO_ACKNOWLEDGE}


def test_another_vaults_return_stays_on_the_stick_untouched(
    vault: Vault, stick: Stick, tmp_path: Path
) -> None:
    other = make_vault(tmp_path / "other")
    mine = Stick.make(tmp_path / "mine", seal([other.keys.epochs[EPOCH].recipient()]))
    mine.sign(SERVER, root(), history_of(other))
    take(other, mine)
    theirs = send(other, stick.folder).content
    own = returned(other, stick.folder)
    (own / f".{RETURN}.0123456789ab.draft").write_bytes(b"half")
    before = {path: path.lstat().st_mtime_ns for path in own.rglob("*")}
    ours = [send(vault, stick.folder) for _ in range(2)][-1]
    assert ours.warnings == ()
    assert {path: path.lstat().st_mtime_ns for path in own.rglob("*")} == before
    assert read_return(own).content == theirs
    assert read_return(returned(vault, stick.folder)).content == ours.content
    assert len(return_folders(stick.folder)) == 2


def test_a_thousand_folders_of_somebody_else_are_one_sentence(
    stick: Stick, program: Program
) -> None:
    for n in range(1000):
        (stick.folder / RETURNS / f"junk {n}").mkdir(parents=True)
    assert "returns holds other files" in program.fails("courier", stick.folder)
    assert len(list((stick.folder / RETURNS).iterdir())) == 1000


def test_what_file_systems_put_on_a_stick_is_nobodys(
    vault: Vault, stick: Stick, tmp_path: Path
) -> None:
    for name in ("lost+found", "System Volume Information"):
        (tmp_path / "back" / name).mkdir(parents=True)
    assert acknowledged(send(vault, tmp_path / "back").content) == stick.ids()


# --- as typed --------------------------------------------------------------------------------


def test_courier_says_what_it_wrote_and_list_what_is_on_the_way(
    vault: Vault, stick: Stick, program: Program
) -> None:
    queue(vault, stick.submissions[0].id, WORDS, LATER)
    assert all("to acknowledge" in line for line in program.well("list").splitlines())
    said = program.well("courier", stick.folder)
    assert said.startswith("Wrote return 1 with 1 reply and 2 acknowledgements.\n")
    for entry in json.loads(program.well("list", "--json")):
        assert entry["courier"] == "acknowledged, on the way"
        assert len(entry["mailbox"]) == 32


FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))"
READ_ONLY = """
import os
_open = os.open
def refusing(path, flags, *arguments, **options):
    if flags & os.O_CREAT and options.get("dir_fd") is not None:
        raise OSError(30, "Read-only file system")
    return _open(path, flags, *arguments, **options)
os.open = refusing
"""


@pytest.mark.parametrize("before", [FULL, READ_ONLY], ids=["full", "read-only"])
def test_a_stick_that_cannot_be_written_is_one_sentence_and_nothing_is_lost(
    before: str, vault: Vault, stick: Stick, program: Program
) -> None:
    queue(vault, stick.submissions[0].id, WORDS, LATER)
    sentence = replace(program, before=f"{program.before}\n{before}").fails("courier", stick.folder)
    assert "cannot be written" in sentence
    assert "Nothing is lost" in sentence
    assert (stick.folder / LISTING).exists()
    assert not [path for path in (stick.folder / RETURNS).rglob("*") if path.is_file()]
    # The number it had may be passed over.
    said = program.well("courier", stick.folder)
    assert said.startswith("Wrote return 2 with 1 reply and 2 acknowledgements.\n")


FORBIDDEN = """
import os, re
_open = os.open
def refusing(path, flags, *arguments, **options):
    if re.search({pattern!r}, str(path)):
        raise PermissionError(13, "Permission denied", str(path))
    return _open(path, flags, *arguments, **options)
os.open = refusing
"""


def forbidding(program: Program, pattern: str) -> Program:
    """Return the program for a user who may not open files whose paths match."""
    return replace(program, before=f"{program.before}\n{FORBIDDEN.format(pattern=pattern)}")


@pytest.mark.parametrize("pattern", ["/stick$", "^returns$", r"^\.return\.json\."])
def test_a_stick_of_another_user_is_its_own_sentence(
    pattern: str, stick: Stick, program: Program
) -> None:
    sentence = forbidding(program, pattern).fails("courier", stick.folder)
    assert "by this user" in sentence
    assert "room" not in sentence


@pytest.mark.parametrize("command", ["import", "courier"])
def test_a_folder_that_may_not_be_read_is_no_wrong_usage(
    command: str, vault: Vault, stick: Stick, program: Program
) -> None:
    program = forbidding(program, f"/stick$|/{LISTING}$")
    no_access = "import os\nos.access = lambda *_args, **_options: False"
    program = replace(program, before=f"{program.before}\n{no_access}")
    assert "may not be read by this user" in program.fails(command, stick.folder, status=1)
    assert vault.catalogue().sequence in {0, 1}


def test_files_that_may_not_be_read_are_not_called_missing(
    stick: Stick, vault: Vault, program: Program
) -> None:
    added = stick.add(seal([vault.keys.epochs[EPOCH].recipient()], "three"))
    done = forbidding(program, f"^{added.id}.age$")("import", stick.folder)
    assert done.status == 1
    [sentence] = done.errors
    assert "may not be read by this user" in sentence
    assert "export again" not in sentence
