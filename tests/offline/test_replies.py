"""Replies in the vault: what is queued, what is refused, and what bundles say of them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.courier.bundle import ReplyState
from intake.courier.returns import read_return
from intake.envelope.account import Kind
from intake.errors import AgeError, NotForUs, NotInVault, ReplyRefused
from intake.manifest import dsse
from intake.manifest.model import Role
from intake.offline import replies
from intake.offline.answering import again, queue
from intake.offline.inbox import ImportReport, import_bundle
from intake.offline.rekeying import rekey
from intake.offline.replies import Reply, State
from intake.offline.returning import write_return
from intake.offline.vault import Vault
from tests.support.manifests import root
from tests.support.submissions import DAY, EPOCH, LATER, Stick, record, seal
from tests.support.vaults import (
    PASSPHRASE,
    SERVER,
    Program,
    history_of,
    make_vault,
    returned,
    review,
)

WORDS = "ဘယ်နေ့က ဖြစ်တာလဲ။\nTell us the day."


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return make_vault(tmp_path / "vault")


@pytest.fixture
def stick(vault: Vault, tmp_path: Path) -> Stick:
    """A signed bundle with one account, imported."""
    stick = Stick.make(tmp_path / "stick", sealed(vault))
    stick.sign(SERVER, root(), history_of(vault))
    take(vault, stick)
    return stick


def sealed(vault: Vault, account: str = "what I saw", kind: Kind = Kind.ACCOUNT) -> bytes:
    return seal([vault.keys.epochs[EPOCH].recipient()], account, kind=kind)


def take(vault: Vault, stick: Stick) -> ImportReport:
    report = import_bundle(vault, stick.folder, lambda _count: None, LATER)
    assert report.refused == ()
    return report


def send(vault: Vault, stick: Stick) -> int:
    return write_return(vault, stick.folder, lambda _count: None).content.sequence


def comes_back(
    vault: Vault, stick: Stick, held: Mapping[str, ReplyState], restored: dt.date | None = None
) -> ImportReport:
    """Import the server's next bundle, which holds these replies and has taken all returns."""
    stick.sequence += 1
    stick.replies, stick.restored = held, restored
    signer = vault.signer()
    assert signer is not None
    keyid = dsse.ed25519_keyid(signer.public().key)
    sequence = vault.catalogue().sequence
    stick.taken = {keyid: sequence} if sequence else {}
    stick.write()
    return take(vault, stick)


def first(stick: Stick) -> str:
    return stick.submissions[0].id


def states(vault: Vault) -> list[State]:
    return [reply.state for reply in replies.load(vault).replies.values()]


def only(vault: Vault) -> Reply:
    [reply] = replies.load(vault).replies.values()
    return reply


# --- queued ----------------------------------------------------------------------------------


def test_a_reply_is_kept_sealed_to_the_vault(vault: Vault, stick: Stick) -> None:
    reply = queue(vault, first(stick), WORDS, LATER)
    assert only(Vault.unlock(vault.folder, PASSPHRASE)) == reply
    assert (reply.submission, reply.text, reply.state) == (first(stick), WORDS, State.QUEUED)
    assert (reply.reply_to, reply.reply_key) == (record().reply_to, record().reply_key)
    path = replies.path(vault, reply.id)
    assert WORDS.encode() not in path.read_bytes()
    for stranger in (vault.keys.epochs[EPOCH], HybridIdentity.generate()):
        with pytest.raises(AgeError):
            open_bytes(path.read_bytes(), [stranger])


def test_no_secret_of_a_reply_is_printed(vault: Vault, stick: Stick) -> None:
    shown = repr(queue(vault, first(stick), WORDS, LATER))
    assert not [secret for secret in (WORDS, record().reply_key) if secret in shown]


def test_replies_go_in_the_order_in_which_they_were_written(vault: Vault, stick: Stick) -> None:
    words = [f"question {n}" for n in range(12)]
    written = [queue(vault, first(stick), text, LATER).id for text in words]
    assert [reply.text for reply in replies.load(vault).replies.values()] == words
    content = write_return(vault, stick.folder, lambda _count: None).content
    assert [reply.id for reply in content.replies] == written


def test_the_same_words_are_queued_once_until_they_have_arrived(vault: Vault, stick: Stick) -> None:
    reply = queue(vault, first(stick), WORDS, LATER)
    assert queue(vault, first(stick), WORDS, LATER) == reply
    assert queue(vault, first(stick), "another", LATER) != reply
    replies.remove(vault, queue(vault, first(stick), "another", LATER))
    send(vault, stick)
    comes_back(vault, stick, {reply.id: ReplyState.FILED})
    assert queue(vault, first(stick), WORDS, LATER).id != reply.id


def test_a_reply_that_is_damaged_is_named_and_the_others_are_read(
    vault: Vault, stick: Stick
) -> None:
    one, two = (queue(vault, first(stick), text, LATER) for text in ("one", "two"))
    path = replies.path(vault, one.id)
    path.write_bytes(path.read_bytes()[:-1])
    kept = replies.load(vault)
    assert (list(kept.replies), kept.damaged) == ([two.id], (f"{one.id}.age",))
    written = write_return(vault, stick.folder, lambda _count: None)
    assert [reply.id for reply in written.content.replies] == [two.id]
    assert one.id in written.warnings[0]


def test_a_reply_under_another_ones_name_is_none(vault: Vault, stick: Stick) -> None:
    reply = queue(vault, first(stick), WORDS, LATER)
    replies.path(vault, reply.id).rename(replies.path(vault, "ab" * 16))
    assert replies.load(vault) == replies.Kept({}, (f"{'ab' * 16}.age",))


# --- refused ---------------------------------------------------------------------------------


def test_what_names_no_mailbox_gets_no_reply(vault: Vault, stick: Stick) -> None:
    """An attacker may have sealed it: ``reply_to`` is only looked at when somebody replies."""
    x25519 = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
    added = stick.add(seal([vault.keys.epochs[EPOCH].recipient()], reply_to=x25519))
    take(vault, stick)
    with pytest.raises(ReplyRefused, match="names no mailbox"):
        queue(vault, added.id, WORDS, LATER)


def test_a_quorums_account_says_unlock_and_takes_a_reply_there(
    vault: Vault, tmp_path: Path
) -> None:
    quorum = HybridIdentity.generate()
    stick = Stick.make(tmp_path / "stick", seal([quorum.recipient()]))
    vault.lend(EPOCH, Role.REVIEWERS, quorum)
    take(vault, stick)
    outside = Vault.unlock(vault.folder, PASSPHRASE)
    with pytest.raises(NotForUs, match=f"unlock --epoch {EPOCH}"):
        queue(outside, first(stick), WORDS, LATER)
    assert queue(vault, first(stick), WORDS, LATER) == only(outside)


def test_a_notice_of_withdrawal_gets_no_reply(vault: Vault, stick: Stick) -> None:
    notice = stick.add(sealed(vault, "", Kind.WITHDRAWAL))
    stick.sequence += 1
    stick.write()
    assert take(vault, stick).notices == (notice.id,)
    with pytest.raises(ReplyRefused, match="notice"):
        queue(vault, notice.id, WORDS, LATER)


def test_what_was_taken_back_gets_no_reply_and_what_came_later_does(
    vault: Vault, stick: Stick
) -> None:
    account = first(stick)
    queued = queue(vault, account, WORDS, LATER)
    stick.submissions = ()
    stick.add(sealed(vault, "", Kind.WITHDRAWAL))
    later = stick.add(sealed(vault, "yet this I want to say", Kind.MESSAGE))
    comes_back(vault, stick, {})
    with pytest.raises(ReplyRefused, match=f"taken this back on {DAY}"):
        queue(vault, account, "another", LATER)
    assert only(vault).state is State.REFUSED
    assert write_return(vault, stick.folder, lambda _count: None).content.replies == ()
    assert queue(vault, later.id, WORDS, LATER).id != queued.id


def test_a_notice_on_an_older_stick_is_heeded_too(vault: Vault, tmp_path: Path) -> None:
    old = Stick.make(tmp_path / "old", sealed(vault, "", Kind.WITHDRAWAL))
    older = Stick.make(tmp_path / "older", sealed(vault))
    new = Stick.make(tmp_path / "new")
    for sequence, stick in enumerate((older, old, new), 1):
        stick.sequence = sequence
        stick.sign(SERVER, root(), history_of(vault))
    take(vault, older)
    queue(vault, first(older), WORDS, LATER)
    take(vault, new)
    assert states(vault) == [State.QUEUED]
    [warning] = take(vault, old).warnings
    assert "older than the newest" in warning
    assert states(vault) == [State.REFUSED]


# --- what bundles say ------------------------------------------------------------------------


def test_a_reply_goes_with_every_return_until_a_bundle_lists_it(vault: Vault, stick: Stick) -> None:
    reply = queue(vault, first(stick), WORDS, LATER)
    for _ in range(2):
        send(vault, stick)
        [carried] = read_return(returned(vault, stick.folder)).content.replies
        assert carried.id == reply.id
    assert only(vault).carried == 1
    # Taken, and not filed: the mailbox was full. It goes again.
    comes_back(vault, stick, {})
    assert states(vault) == [State.QUEUED]
    send(vault, stick)
    assert len(read_return(returned(vault, stick.folder)).content.replies) == 1
    # What waits goes again as well: there may be room by now.
    for held, state, goes in (
        (ReplyState.WAITING, State.WAITING, 1),
        (ReplyState.FILED, State.FILED, 0),
    ):
        comes_back(vault, stick, {reply.id: held})
        assert states(vault) == [state]
        send(vault, stick)
        assert len(read_return(returned(vault, stick.folder)).content.replies) == goes
    comes_back(vault, stick, {})
    assert states(vault) == [State.GONE]


def test_what_was_deleted_before_any_bundle_listed_it_goes_no_more(
    vault: Vault, stick: Stick
) -> None:
    reply = queue(vault, first(stick), WORDS, LATER)
    send(vault, stick)
    comes_back(vault, stick, {reply.id: ReplyState.GONE})
    assert states(vault) == [State.GONE]
    send(vault, stick)
    assert read_return(returned(vault, stick.folder)).content.replies == ()


def test_what_waits_does_not_go_again_once_it_was_taken_back(vault: Vault, stick: Stick) -> None:
    reply = queue(vault, first(stick), WORDS, LATER)
    send(vault, stick)
    stick.sequence += 1
    stick.submissions = ()
    stick.add(sealed(vault, "", Kind.WITHDRAWAL))
    comes_back(vault, stick, {reply.id: ReplyState.WAITING})
    assert states(vault) == [State.WAITING]
    assert write_return(vault, stick.folder, lambda _count: None).content.replies == ()


def test_an_older_bundle_says_nothing_of_replies(vault: Vault, stick: Stick) -> None:
    reply = queue(vault, first(stick), WORDS, LATER)
    send(vault, stick)
    comes_back(vault, stick, {reply.id: ReplyState.FILED})
    stick.sequence, stick.replies = 1, {}
    stick.add(sealed(vault, "new all the same"))
    assert len(take(vault, stick).imported) == 1
    assert states(vault) == [State.FILED]


def test_what_a_restored_server_lost_is_said_and_sent_again_under_a_new_id(
    vault: Vault, stick: Stick
) -> None:
    reply = queue(vault, first(stick), WORDS, LATER)
    with pytest.raises(NotInVault):
        again(vault, reply.id)
    send(vault, stick)
    comes_back(vault, stick, {reply.id: ReplyState.FILED})
    report = comes_back(vault, stick, {}, restored=LATER)
    assert reply.id in report.warnings[0]
    assert states(vault) == [State.LOST]
    for wrong in ("", "ffff"):
        with pytest.raises(NotInVault):
            again(vault, wrong)
    [queued] = again(vault, reply.id[:10])
    assert queued.id != reply.id
    assert (queued.text, queued.state, only(vault)) == (WORDS, State.QUEUED, queued)
    send(vault, stick)
    comes_back(vault, stick, {queued.id: ReplyState.FILED}, restored=LATER)
    assert states(vault) == [State.FILED]
    # Restored, it was not again.
    assert comes_back(vault, stick, {}, restored=LATER).warnings == ()
    assert states(vault) == [State.GONE]


def test_what_may_have_been_filed_before_the_backup_counts_as_lost(
    vault: Vault, stick: Stick
) -> None:
    """The server knows its id and would not file it a second time."""
    queue(vault, first(stick), WORDS, LATER)
    send(vault, stick)
    unsent = queue(vault, first(stick), "not sent yet", LATER)
    comes_back(vault, stick, {}, restored=LATER)
    found = replies.load(vault).replies
    assert {reply.state for reply in found.values() if reply.id != unsent.id} == {State.LOST}
    assert found[unsent.id].state is State.QUEUED
    assert [reply.text for reply in again(vault, first(stick)[:6])] == [WORDS]


def test_what_was_carried_and_not_taken_before_the_backup_is_lost_too(
    vault: Vault, stick: Stick
) -> None:
    """It may have been filed, read and deleted since: a person decides whether it goes again."""
    carried = queue(vault, first(stick), WORDS, LATER)
    unsent = queue(vault, first(stick), "not sent yet", LATER)
    with vault.exclusive():
        replies.save(vault, dataclasses.replace(carried, carried=7))
    stick.sequence, stick.restored = stick.sequence + 1, LATER
    stick.write()
    [warning] = take(vault, stick).warnings
    assert carried.id in warning
    found = replies.load(vault).replies
    assert found[carried.id].state is State.LOST
    assert found[unsent.id].state is State.QUEUED
    content = write_return(vault, stick.folder, lambda _count: None).content
    assert [reply.id for reply in content.replies] == [unsent.id]


@pytest.mark.parametrize("before", [None, ReplyState.FILED, ReplyState.WAITING])
def test_the_mark_that_a_backup_keeps_does_not_tell_what_became_of_a_reply(
    before: ReplyState | None, vault: Vault, stick: Stick
) -> None:
    reply = queue(vault, first(stick), WORDS, LATER)
    send(vault, stick)
    comes_back(vault, stick, {} if before is None else {reply.id: before})
    for _ in range(2):
        comes_back(vault, stick, {reply.id: ReplyState.GONE}, restored=LATER)
        assert states(vault) == [State.LOST]


def test_whose_bundle_is_believed_on_a_persons_word_may_have_lost_replies(
    vault: Vault, stick: Stick
) -> None:
    """The vault goes back to a server that says nothing of a restoration, or of an older one."""
    reply = queue(vault, first(stick), WORDS, LATER)
    send(vault, stick)
    comes_back(vault, stick, {reply.id: ReplyState.FILED}, restored=LATER)
    stick.restored, stick.replies = None, {}
    stick.write()
    report = import_bundle(vault, stick.folder, lambda _count: None, LATER, believe=True)
    assert reply.id in report.warnings[0]
    assert states(vault) == [State.LOST]


# --- kept ------------------------------------------------------------------------------------


def test_a_renewed_key_opens_the_replies(vault: Vault, stick: Stick) -> None:
    reply = queue(vault, first(stick), WORDS, LATER)
    before = vault.keys.vault
    rekey(vault, lambda _count: None)
    assert only(Vault.unlock(vault.folder, PASSPHRASE)) == reply
    with pytest.raises(AgeError):
        open_bytes(replies.path(vault, reply.id).read_bytes(), [before])


# --- as typed --------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path, vault: Vault, stick: Stick) -> Program:
    (tmp_path / "passphrase").write_bytes(PASSPHRASE.reveal())
    (tmp_path / "reply.txt").write_text(WORDS)
    del vault, stick
    return review(tmp_path / "vault", tmp_path / "passphrase")


def test_reply_says_what_happens_next_and_show_has_it(
    vault: Vault, stick: Stick, program: Program, tmp_path: Path
) -> None:
    said = program.well("reply", first(stick)[:8], "--text-file", tmp_path / "reply.txt")
    assert only(vault).id in said
    assert "courier DIR" in said
    shown = program.well("show", first(stick))
    assert "what I saw" in shown
    assert all(line in shown for line in WORDS.splitlines())
    [listed] = json.loads(program.well("show", first(stick), "--json"))["replies"]
    assert (listed["id"], listed["state"], listed["text"]) == (only(vault).id, "queued", WORDS)
    assert json.loads(program.well("replies", "--json")) == [listed]
    [line] = program.well("replies").splitlines()
    assert "queued" in line
    assert "Tell us the day." in line


def test_a_reply_may_come_from_standard_input(vault: Vault, stick: Stick, program: Program) -> None:
    done = program("reply", first(stick), "--text-file", "-", stdin=WORDS)
    assert (done.status, only(vault).text) == (0, WORDS)


def test_no_editor_is_opened(stick: Stick, program: Program, vault: Vault) -> None:
    for arguments in ((), ("--text-file", "-", "--again")):
        done = program("reply", first(stick), *arguments, EDITOR="touch")
        assert done.status == 2
        assert "--text-file" in done.err
    assert states(vault) == []


def test_again_says_what_it_queued(vault: Vault, stick: Stick, program: Program) -> None:
    reply = queue(vault, first(stick), WORDS, LATER)
    send(vault, stick)
    comes_back(vault, stick, {reply.id: ReplyState.WAITING})
    comes_back(vault, stick, {}, restored=LATER)
    assert "--again" in program.well("replies")
    assert only(vault).again().id in program.well("reply", reply.id, "--again")
    assert "lost" in program.fails("reply", reply.id, "--again")


def test_replies_says_with_which_returns_each_went(
    vault: Vault, stick: Stick, program: Program
) -> None:
    reply = queue(vault, first(stick), WORDS, LATER)
    send(vault, stick)
    assert "return 1 " in program.well("replies")
    for _ in range(2):
        send(vault, stick)
    assert "returns 1-3 " in program.well("replies")
    comes_back(vault, stick, {reply.id: ReplyState.FILED})
    assert "return 1 " in program.well("replies")


def test_a_vault_without_replies_says_so(program: Program) -> None:
    assert "no replies" in program.well("replies")
    assert json.loads(program.well("replies", "--json")) == []


@pytest.mark.parametrize(
    ("consents", "noted"),
    [
        ((), False),
        (({"id": "contact", "granted": True},), False),
        (({"id": "contact", "granted": False},), True),
        (({"id": "contact", "granted": "yes"},), True),
        (({"id": "study", "granted": False},), False),
    ],
)
def test_who_did_not_ask_for_a_reply_gets_one_with_a_note_to_the_reviewer(
    vault: Vault,
    stick: Stick,
    program: Program,
    tmp_path: Path,
    consents: tuple[dict[str, object], ...],
    *,
    noted: bool,
) -> None:
    reviewer = vault.keys.epochs[EPOCH].recipient()
    added = stick.add(seal([reviewer], "what I saw", consents=consents))
    take(vault, stick)
    text = tmp_path / "reply.txt"
    text.write_text(WORDS, encoding="utf-8")
    said = program.well("reply", added.id, "--text-file", str(text))
    assert ("did not tick" in said) is noted
    assert only(vault).text == WORDS
