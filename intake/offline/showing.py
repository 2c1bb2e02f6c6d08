"""How submissions and replies are shown: to people on a terminal, and to programs as JSON.

Whatever a stranger wrote is printed through :func:`intake.offline.safe_names.printable`. That a
witness has taken something back stands before everything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import click

from intake.envelope.account import Kind
from intake.offline.account_document import AccountDocument
from intake.offline.catalogue import Catalogue, Entry
from intake.offline.mailboxes import Withdrawal, on_the_way, same_mailbox, withdrawals
from intake.offline.replies import GOING, Reply
from intake.offline.safe_names import printable

#: Hex digits of a mailbox's name, or of an id beside others, that a line shows.
_SHORT = 8
#: Characters of the longest of what is said of a consent first: yes, no, none or chosen.
_GIVEN = len("chosen")
#: Characters of a reply that a line shows.
_BEGINNING = 60

_CONTRACT = ("id", "epoch", "day", "status", "attachments", "language", "kind", "mailbox")


def listing(known: Catalogue) -> list[dict[str, object]]:
    """Return what ``list --json`` prints."""
    back = withdrawals(known.entries)
    return [
        {name: entry.to_json()[name] for name in _CONTRACT}
        | {
            "withdrawn": back[entry.id].to_json() if entry.id in back else None,
            "courier": on_the_way(known, entry),
        }
        for _, entry in sorted(known.entries.items())
    ]


def say_listing(known: Catalogue) -> None:
    """Print a line for each submission."""
    back = withdrawals(known.entries)
    for _, entry in sorted(known.entries.items()):
        columns = [
            entry.id,
            str(entry.day or "----------"),
            f"{printable(entry.epoch):8}",
            f"{entry.status.value:8}",
            f"{entry.attachments:3} files",
            f"{printable(entry.language):5}",
            f"{_kind(entry):10}",
            f"{(entry.mailbox or '')[:_SHORT]:8}",
            _remarks(on_the_way(known, entry), back.get(entry.id)),
        ]
        click.echo("  ".join(columns).rstrip())


def _kind(entry: Entry) -> str:
    return "" if entry.kind is None else entry.kind.value


def _remarks(way: str | None, withdrawal: Withdrawal | None) -> str:
    taken_back = () if withdrawal is None else (f"taken back on {withdrawal.day or 'some day'}",)
    return "; ".join((*taken_back, *(() if way is None else (way,))))


def say_withdrawal(kind: Kind | None, withdrawal: Withdrawal | None) -> None:
    """Say first of a submission that the witness has taken it back, or that it says so."""
    if withdrawal is not None:
        click.echo(f"{withdrawal.sentence()} The witness asks that it be destroyed.")
    if kind is Kind.WITHDRAWAL:
        click.echo(
            "This is a notice: the witness has taken back all that came from this mailbox before "
            "it."
        )


def say_account(
    found: str, record: AccountDocument, text: str, identity: Mapping[str, str] | None
) -> None:
    """Print one account, with what came with it; ``identity`` is what only custodians read."""
    click.echo(f"Submission {found}, epoch {printable(record.epoch)}, language ", nl=False)
    click.echo(f"{printable(record.language)}, {record.kind.value}")
    for attachment in record.attachments:
        click.echo(
            f"  {printable(attachment.name)}  {printable(attachment.type)}  {attachment.size} bytes"
        )
    if record.repaired:
        click.echo(f"What was no text came as \ufffd in: {_named(record.repaired)}")
    if identity:
        click.echo("Identifying answers:")
        _warn(record, identity)
    for question, answer in (identity or {}).items():
        # A line break must not let an answer pass for the account below it.
        click.echo(f"  {printable(question)}: {printable(answer)}")
    click.echo()
    click.echo(printable(text, keep="\n\t"))


def say_answers(found: str, record: AccountDocument, text: str) -> None:
    """Print the answers, after a warning of those that are hard to read, and the consents.

    The headings hold the submission's id, which whoever wrote the account did not know: no line
    of it passes for one of them.
    """
    if text or record.answers:
        click.echo(f"\nAnswers of submission {found}:")
        _warn(record, record.answers)
    if text:
        click.echo(printable(text, keep="\n\t"))
    if record.consents:
        click.echo(f"\nConsents of submission {found}:")
    for consent in record.consents:
        _say_consent(consent)


def _warn(record: AccountDocument, answers: Iterable[str]) -> None:
    """Warn of those of the ``answers`` below that are hard to read."""
    sensitive = frozenset(record.sensitive)
    hard = [question for question in answers if question in sensitive]
    if hard:
        click.echo(f"Take care, these are sensitive: {_named(hard)}")


def _say_consent(consent: Mapping[str, object]) -> None:
    """Print a consent, its hint and what was chosen. What is not plainly given is not given."""
    given = "yes" if consent.get("granted") is True else "no"
    chosen = _text(consent, "chosen")
    if "chosen" in consent:
        given = "chosen" if chosen else "none"
    click.echo(f"  {given:{_GIVEN}}  {_text(consent, 'id')}: {_text(consent, 'text')}".rstrip())
    option = f"{chosen}: {_text(consent, 'chosen_text')}" if chosen else ""
    for line in filter(None, (_text(consent, "hint"), option)):
        click.echo(f"  {'':{_GIVEN}}      {line}".rstrip())


def _text(consent: Mapping[str, object], name: str) -> str:
    value = consent.get(name)
    return printable(value) if isinstance(value, str) else ""


def _named(fields: Iterable[str]) -> str:
    return ", ".join(map(printable, fields))


def say_mailbox(known: Catalogue, found: str, replies: Iterable[Reply]) -> None:
    """Print what else came under a submission's code, and what was replied to it."""
    others = same_mailbox(known.entries, found)
    if others:
        click.echo("\nFrom the same mailbox:")
    for entry in others:
        click.echo(f"  {entry.id}  {entry.day or '----------'}  {_kind(entry)}")
    for reply in replies:
        click.echo(f"\nReply {reply.id}, {reply.day}, {reply.state.value}:")
        for line in reply.text.splitlines():
            # Indented, so that no line of a reply passes for one of ours.
            click.echo(f"  {printable(line, keep=chr(9))}")


def say_replies(replies: Iterable[Reply], sequence: int) -> None:
    """Print a line for each reply; ``sequence`` is the number of the vault's last return."""
    for reply in replies:
        text = " ".join(reply.text.split())
        beginning = text if len(text) <= _BEGINNING else f"{text[:_BEGINNING]}…"
        click.echo(
            f"{reply.id}  {reply.day}  {reply.state.value:8}  {_carried(reply, sequence):14}  to "
            f"{reply.submission[:_SHORT]}  {printable(beginning)}"
        )


def _carried(reply: Reply, sequence: int) -> str:
    """Return with which returns a reply went."""
    if reply.carried is None:
        return ""
    if reply.state in GOING and sequence > reply.carried:
        return f"returns {reply.carried}-{sequence}"
    return f"return {reply.carried}"
