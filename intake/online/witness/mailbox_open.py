"""``/mailbox/open``: the replies, and what is done with them.

Every page that shows a mailbox is the same work and the same length, whatever is in it, in every
language. What is done here is done by a POST that goes on to such a page; one that fails is
answered by a page that holds every word that was typed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from http import HTTPStatus

from flask import Response, g, make_response, redirect, render_template, request, session, url_for
from flask.views import MethodView
from flask_wtf.csrf import generate_csrf
from werkzeug.wrappers import Response as BaseResponse

from intake.errors import StoreUnavailable
from intake.online.deployment import Deployment
from intake.online.encoded_form import ESCAPED
from intake.online.mailbox import OpenedReply
from intake.online.refusal import Reason, Refusal
from intake.online.witness import foreign, giving_back
from intake.online.witness.deeds import Deeds
from intake.online.witness.forms import (
    CodeStamp,
    MailboxForm,
    bind,
    check_visit,
    code_to_show,
    typed_code,
)
from intake.online.witness.incoming import SMALL, Incoming, as_refusal
from intake.online.witness.keys_now import KeysNow
from intake.online.witness.lengths import ERROR_STEP, MAILBOX_PAGE, REPLIES_ROOM, padded
from intake.online.witness.mailbox import send_to_door
from intake.online.witness.open_visit import OpenVisit
from intake.online.witness.openings import NOTE_DIGITS, Openings, seen
from intake.online.witness.reply_pages import lay_out, unseen
from intake.online.witness.taking import Taking

_LOG = logging.getLogger(__name__)


class MailboxOpenPage(MethodView):
    """An open mailbox (GET), and what is done in it (POST)."""

    init_every_request = False

    def __init__(self, deployment: Deployment, keys: KeysNow, taking: Taking) -> None:
        """Open the mailboxes of ``deployment``; what is written in them is taken by ``taking``."""
        self._clock = deployment.clock
        self._limits = deployment.settings.limits
        self._keys = keys
        self._fields_size = taking.fields_size
        self._openings = Openings(deployment)
        self._deeds = Deeds(deployment, self._openings, taking)
        self._stamp = CodeStamp(deployment.server_keys.code_mac)

    def get(self) -> BaseResponse:
        """Show a page of replies, or send to the door whoever has no code here any more.

        Raises:
            Refusal: no mailbox can be opened now.
        """
        now = self._clock()
        visit = OpenVisit.current(now)
        if visit is None:
            if OpenVisit.end():
                send_to_door(Refusal(Reason.CODE_AGAIN), now)
            return redirect(url_for("mailbox", lang=g.language.tag), 303)
        visit.keep(now)
        try:
            replies = self._openings.replies(visit.code)
        except StoreUnavailable as error:
            _LOG.exception("no mailbox can be opened")
            raise Refusal(Reason.NO_MAILBOX) from error
        return self._page(visit, replies)

    def post(self) -> BaseResponse:
        """Do what is asked for and go back to the mailbox, or say why not and lose no word.

        With ``?switch=1`` nothing is done: the words come back in the language of the address.
        """
        visited = "csrf_token" in session
        switches = "switch" in request.args
        size = self._fields_size
        most = ESCAPED * size if switches else SMALL
        incoming = Incoming(self._limits, fields_size=size, most_encoded=most)
        visit: OpenVisit | None = None
        try:
            arriving = incoming.open()
            if switches:
                return self._switched(incoming)
            form, repaired = bind(arriving.fields, MailboxForm)
            check_visit(form, visited=visited)
            visit = self._visit(form)
            done = self._deeds.do(
                form, visit.code, repaired=repaired, arriving=arriving, length=incoming.length
            )
        except Exception as error:  # noqa: BLE001  # whatever it was, the words come back
            return self._refused(as_refusal(error), visit, incoming)
        visit.keep(self._clock(), done)
        return redirect(url_for("mailbox_open", lang=g.language.tag), 303)

    def _visit(self, form: MailboxForm) -> OpenVisit:
        """Return whose mailbox this is about: the code just typed, or the one that is open.

        Raises:
            Refusal: what was typed is no code, or none is open any more, or another one is.
        """
        now = self._clock()
        typed = form.code.data or ""
        if typed.strip():
            return OpenVisit.begin(typed_code(typed), now)
        visit = OpenVisit.current(now)
        if visit is None:
            raise Refusal(Reason.CODE_AGAIN)
        # Two tabs share one visit: what was meant for one mailbox must not end in another.
        if (form.mailbox.data or "") not in {"", self._stamp.note(visit.code)}:
            raise Refusal(Reason.OTHER_MAILBOX)
        visit.keep(now)
        return visit

    def _page(self, visit: OpenVisit, replies: Sequence[OpenedReply]) -> Response:
        pages = lay_out(replies)
        number = _page_number(len(pages))
        parts = pages[number - 1]
        # The same amount goes through bleach, whatever there is to show.
        texts = foreign.replies([part.text for part in parts], REPLIES_ROOM)
        page = render_template(
            "mailbox_open.html",
            shown=list(zip(parts, texts, strict=True)),
            unseen=unseen(parts),
            number=number,
            pages=len(pages),
            done=visit.done,
            refusal=self._why_not(),
            mailbox=self._stamp.note(visit.code),
            seen=seen(replies),
            csrf_token=generate_csrf(),
            limits=self._limits,
        )
        return padded(page, MAILBOX_PAGE)

    def _why_not(self) -> Refusal | None:
        """Return why nothing can be sent now, if nothing can: nobody shall write in vain."""
        try:
            self._keys.in_force()
        except Refusal as refusal:
            return refusal
        return None

    def _switched(self, incoming: Incoming) -> BaseResponse:
        """Show the words in this language; where there are none, the mailbox itself."""
        form, _ = bind(incoming.fields, MailboxForm)
        if not (form.message.data or "").strip():
            there = redirect(url_for("mailbox_open", lang=g.language.tag), 303)
            return incoming.answer(make_response(there))
        visit = None if form.code.raw_data else self._still_open(form)
        with incoming.turn():
            page = self._words_page(form, visit, None)
        return incoming.answer(page)

    def _refused(self, refusal: Refusal, visit: OpenVisit | None, incoming: Incoming) -> Response:
        """Show every word that was read, and ask for the code where it is not known any more."""
        with incoming.turn():
            form, _ = bind(incoming.fields, MailboxForm)
            code = form.code.data or ""
            if visit is None and not code:
                visit = self._still_open(form)
            page = self._words_page(form, visit, refusal)
        return incoming.answer(page)

    def _still_open(self, form: MailboxForm) -> OpenVisit | None:
        """Return the mailbox that a form is of, if that is the one that is open."""
        visit = OpenVisit.current(self._clock())
        # Two tabs share one visit, as in _visit.
        meant = visit and (form.mailbox.data or "") in {"", self._stamp.note(visit.code)}
        return visit if meant else None

    def _words_page(
        self, form: MailboxForm, visit: OpenVisit | None, refusal: Refusal | None
    ) -> Response:
        page = giving_back.page(
            "mailbox_refused.html",
            step=ERROR_STEP,
            refusal=refusal,
            writes=form.action.data in {None, "", "send"} or bool(form.message.data),
            asks_code=visit is None,
            typed_code=code_to_show(form),
            message=form.message.data,
            # The page's notes come along, so that a repeat is known as one.
            mailbox=self._stamp.note(visit.code) if visit else "",
            seen=(form.seen.data or "")[:NOTE_DIGITS],
            csrf_token=generate_csrf(),
            limits=self._limits,
            # Never its own address: Back would lose the words.
            sent=2 if request.args.get("sent") == "1" else 1,
        )
        return make_response(page, refusal.reason.status if refusal else HTTPStatus.OK)


def _page_number(pages: int) -> int:
    """Return the page that the address asks for: one that there is, whatever it says."""
    asked = request.args.get("page", "")
    # At most two digits of 0-9: there are never a hundred pages.
    number = int(asked) if re.fullmatch(r"[0-9]{1,2}", asked) else 1
    return min(max(number, 1), pages)
