"""``/receipt``: the code, for whoever has just sent something; what arrived; and more files.

Everything it shows stands in the visit's sealed cookie, for ten minutes, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from http import HTTPStatus
from typing import Self

from flask import Response, g, make_response, redirect, render_template, session, url_for
from flask.views import MethodView
from flask_wtf.csrf import generate_csrf
from werkzeug.wrappers import Response as BaseResponse

from intake.envelope.account import Kind
from intake.errors import CodeMalformed
from intake.online.deployment import Deployment
from intake.online.encoded_form import EncodedForm
from intake.online.receiving import ArrivingForm
from intake.online.refusal import Reason, Refusal
from intake.online.sent import Sent, Taken, Words
from intake.online.witness import languages
from intake.online.witness.forms import CodeStamp, ReceiptForm, bind, check_visit
from intake.online.witness.incoming import SMALL, Incoming, as_refusal
from intake.online.witness.taking import Taking
from intake.online.witness.visit import CODE_SECONDS
from intake.receipt.code import GROUP, Code, read_digits

_KEY = "receipt"
#: How many of the things sent are known again, so that a repeat is not counted twice. The cookie
#: has no room for more.
_REMEMBERED = 16
#: How many files are listed one by one, for the same reason.
_LISTED = 20
_MARK_DIGITS = 6


@dataclass(frozen=True)
class Receipt:
    """What a receipt shows. ``size`` is that of all files, in bytes; ``sizes`` those of the first.

    ``sent`` holds short marks of what was counted; ``noted`` whether the last group was typed
    right, once it was typed.
    """

    code: str
    until: int
    characters: int = 0
    files: int = 0
    size: int = 0
    sizes: tuple[int, ...] = ()
    sent: tuple[str, ...] = ()
    noted: bool | None = None

    @classmethod
    def of_visit(cls, now: float) -> Self | None:
        """Return the receipt that this visit carries, unless its ten minutes are over."""
        kept = session.get(_KEY)
        if not kept or kept["until"] < now:
            return None
        lists = {name: tuple(kept[name]) for name in ("sizes", "sent")}
        return cls(**{**kept, **lists})

    @classmethod
    def under(cls, code: Code, now: float) -> Self:
        """Return the visit's receipt if it is for ``code``, or else a new one."""
        kept = cls.of_visit(now)
        if kept is not None and kept.code == code.reveal():
            return kept
        return cls(code.reveal(), int(now) + CODE_SECONDS)

    def with_taken(self, taken: Taken) -> Self:
        """Return the receipt with what has arrived, counted once."""
        mark = taken.sameness.hex()[:_MARK_DIGITS]
        if mark in self.sent:
            return self
        return replace(
            self,
            characters=self.characters + taken.characters,
            files=self.files + len(taken.attachments),
            size=self.size + sum(taken.attachments),
            sizes=(*self.sizes, *taken.attachments)[:_LISTED],
            sent=(mark, *self.sent)[:_REMEMBERED],
        )

    @staticmethod
    def forget(code: Code) -> None:
        """Let the visit carry that of ``code`` no more; another one stays."""
        if session.get(_KEY, {}).get("code") == code.reveal():
            session.pop(_KEY)

    def keep(self, now: float) -> None:
        """Let the visit carry it, for ten minutes from now."""
        session[_KEY] = asdict(replace(self, until=int(now) + CODE_SECONDS))


class ReceiptPage(MethodView):
    """The receipt (GET), and what its two forms send (POST)."""

    init_every_request = False

    def __init__(self, deployment: Deployment, taking: Taking) -> None:
        """Take files with ``taking``; ``deployment`` has the clock and the limits."""
        self._clock: Callable[[], float] = deployment.clock
        self._limits = deployment.settings.limits
        self._taking = taking
        self._stamp = CodeStamp(deployment.server_keys.code_mac)

    def get(self) -> Response:
        """Show the code, or say that there is none to show."""
        receipt = Receipt.of_visit(self._clock())
        return self._page(receipt) if receipt else _no_page()

    def post(self) -> BaseResponse:
        """Look at the last group, or take files, and go back to the receipt."""
        receipt = Receipt.of_visit(self._clock())
        visited = "csrf_token" in session
        incoming = Incoming(self._limits, fields_size=SMALL)
        try:
            arriving = incoming.open()
            form, _ = bind(arriving.fields, ReceiptForm)
            check_visit(form, visited=visited)
            meant = self._meant(form, receipt)
            self._do(meant, form, arriving, incoming).keep(self._clock())
        except Exception as error:  # noqa: BLE001  # whatever it was, the code must still be shown
            return incoming.answer(self._refused(as_refusal(error), receipt))
        return redirect(url_for("receipt", lang=g.language.tag), 303)

    def _meant(self, form: ReceiptForm, receipt: Receipt | None) -> Receipt:
        """Return the visit's receipt, if that is the one that a form is of.

        Raises:
            Refusal: there is none any more, or another: two tabs share one visit, and the files
                of one must not be filed under the code of the other.
        """
        if receipt is None:
            raise Refusal(Reason.RECEIPT_OVER)
        if (form.mailbox.data or "") not in {"", self._stamp.note(Code(receipt.code))}:
            raise Refusal(Reason.OTHER_RECEIPT)
        return receipt

    def _refused(self, refusal: Refusal, receipt: Receipt | None) -> Response:
        """Say why not, beside the code; but not beside another than the one that was meant."""
        if receipt is None or refusal.reason is Reason.OTHER_RECEIPT:
            return _no_page(refusal)
        return self._page(receipt, refusal)

    def _page(self, receipt: Receipt, refusal: Refusal | None = None) -> Response:
        code = Code(receipt.code)
        page = render_template(
            "receipt.html",
            receipt=receipt,
            groups=code.groups(),
            own_groups=[languages.in_digits(group, g.language) for group in code.groups()],
            mailbox=self._stamp.note(code),
            csrf_token=generate_csrf(),
            refusal=refusal,
            limits=self._limits,
        )
        return make_response(page, refusal.reason.status if refusal else HTTPStatus.OK)

    def _do(
        self,
        receipt: Receipt,
        form: ReceiptForm,
        arriving: ArrivingForm | EncodedForm,
        incoming: Incoming,
    ) -> Receipt:
        if form.last_group.raw_data:
            typed = form.last_group.data or ""
            return replace(receipt, noted=_is_last(typed, receipt.code) if typed.strip() else None)
        nothing = Words(language=g.language.tag, account="")
        code = Code(receipt.code)
        taken = self._taking.take(arriving, incoming.length, nothing, code, Sent(Kind.FILES))
        return replace(receipt.with_taken(taken), noted=None)


def _is_last(typed: str, code: str) -> bool:
    """Return whether somebody typed the last group of ``code``, or all of it."""
    try:
        return read_digits(typed) in {code[-GROUP:], code}
    except CodeMalformed:
        return False


def _no_page(refusal: Refusal | None = None) -> Response:
    page = render_template("no_receipt.html", refusal=refusal)
    return make_response(page, refusal.reason.status if refusal else HTTPStatus.NOT_FOUND)
