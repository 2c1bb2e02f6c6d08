"""The application factory of the witness's pages."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from gettext import NullTranslations
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from jinja2 import FileSystemLoader, StrictUndefined
from werkzeug.exceptions import HTTPException, SecurityError

from intake.online.deployment import Deployment
from intake.online.refusal import Refusal
from intake.online.witness import languages, pages
from intake.online.witness.foreign import foreign, typed
from intake.online.witness.guards import AnswerHeaders
from intake.online.witness.keys_now import KeysNow
from intake.online.witness.mailbox import DoorPage
from intake.online.witness.receipt import ReceiptPage
from intake.online.witness.submit import SubmitPage
from intake.online.witness.taking import Taking
from intake.online.witness.templates import template_folder
from intake.online.witness.visit import SealedVisits

_LOG = logging.getLogger(__name__)


def create_app(deployment: Deployment) -> Flask:
    """Make the application that serves one deployment to its witnesses."""
    settings = deployment.settings
    app = Flask("witness", static_folder=None, template_folder=str(template_folder()))
    app.config.update(
        SECRET_KEY=deployment.server_keys.csrf.reveal(),
        # A token lasts as long as its visit: some people write for hours.
        WTF_CSRF_TIME_LIMIT=None,
        TRUSTED_HOSTS=list(settings.hosts) or None,
        PROPAGATE_EXCEPTIONS=False,
    )
    app.session_interface = SealedVisits(
        deployment.server_keys.visit, https=settings.https, clock=deployment.clock
    )
    style = (template_folder() / "style.css").read_text(encoding="utf-8")
    _prepare_templates(app, style, settings.pages.organisation)
    _add_pages(app, deployment)
    app.before_request(_choose_language)
    app.after_request(AnswerHeaders(style=style, https=settings.https).add)
    app.register_error_handler(Refusal, pages.not_now)
    app.register_error_handler(HTTPException, _error_page)
    app.register_error_handler(Exception, _unexpected)
    return app


def _prepare_templates(app: Flask, style: str, organisation: str) -> None:
    translations = languages.load_translations()
    environment = app.jinja_env
    environment.loader = FileSystemLoader(template_folder())
    environment.undefined = StrictUndefined
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.add_extension("jinja2.ext.i18n")
    environment.newstyle_gettext = True  # type: ignore[attr-defined]  # set by the extension
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        lambda message: _current(translations).gettext(message),  # each request's own
        lambda one, many, n: _current(translations).ngettext(one, many, n),
        newstyle=True,
    )
    environment.filters["foreign"] = foreign
    environment.filters["typed"] = typed
    environment.globals.update(
        style=style,
        organisation=organisation,
        languages=languages.LANGUAGES,
        same_page=_same_page,
        in_digits=lambda value: languages.in_digits(str(value), g.language),
        in_units=lambda size: languages.in_digits(languages.in_units(size), g.language),
    )


def _current(translations: dict[str, NullTranslations]) -> NullTranslations:
    return translations[g.language.tag]


def _add_pages(app: Flask, deployment: Deployment) -> None:
    tags = ",".join(languages.BY_TAG)
    prefix = f"/<any({tags}):lang>"
    app.add_url_rule("/", view_func=pages.ChooseLanguage.as_view("choose_language", "front"))
    # An address that is read out over a telephone has no language in it.
    app.add_url_rule("/keys", view_func=pages.ChooseLanguage.as_view("choose_keys", "keys"))
    keys = KeysNow(deployment)
    taking = Taking(deployment, keys)
    for path, view in (
        (f"{prefix}/", pages.FrontPage.as_view("front", keys)),
        (f"{prefix}/submit", SubmitPage.as_view("submit", deployment, keys, taking)),
        (f"{prefix}/receipt", ReceiptPage.as_view("receipt", deployment, taking)),
        (f"{prefix}/mailbox", DoorPage.as_view("mailbox", deployment)),
        (f"{prefix}/keys", pages.KeysPage.as_view("keys", keys)),
        (f"{prefix}/leave", pages.LeavePage.as_view("leave", deployment)),
        ("/keys/manifest.json", pages.ManifestFile.as_view("manifest", deployment, keys)),
        ("/keys/recipients.txt", pages.RecipientsFile.as_view("recipients", keys)),
    ):
        app.add_url_rule(path, view_func=view)
    app.add_url_rule(
        f"{prefix}/mailbox/open",
        endpoint="mailbox_open",
        view_func=_when_first_asked(deployment, keys, taking),
        methods=["GET", "POST"],
    )


def _when_first_asked(
    deployment: Deployment, keys: KeysNow, taking: Taking
) -> Callable[[], ResponseReturnValue]:
    """Return the view of an open mailbox, which is loaded when somebody asks for it.

    A process that only takes submissions never loads any code that opens an age file.
    """

    @functools.cache
    def view() -> Callable[[], Any]:
        from intake.online.witness import mailbox_open  # noqa: PLC0415  # see above

        page = mailbox_open.MailboxOpenPage
        return page.as_view("mailbox_open", deployment, keys, taking)

    def show() -> ResponseReturnValue:
        answer: ResponseReturnValue = view()()
        return answer

    return show


def _choose_language() -> None:
    """Take the language out of the address, for every view and template."""
    (request.view_args or {}).pop("lang", None)
    first = request.path.split("/")[1]
    g.language = languages.BY_TAG.get(first) or languages.choose(request.accept_languages)


def _same_page(tag: str) -> str:
    """Return the address of this page in another language."""
    rule = request.url_rule
    if rule is None or "lang" not in rule.arguments:  # no page, or a file of no language
        return url_for("front", lang=tag)
    return url_for(rule.endpoint, lang=tag)


def _error_page(error: HTTPException) -> Response | HTTPException:
    if isinstance(error, SecurityError):  # a host that is not ours: there is no page to link to
        return Response("This is not a name of this site.\n", error.code, mimetype="text/plain")
    if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return error
    return _plain_error(error.code)


def _unexpected(error: Exception) -> Response:
    _LOG.error("a page failed", exc_info=error)
    return _plain_error(HTTPStatus.SERVICE_UNAVAILABLE)


def _plain_error(status: int) -> Response:
    if "language" not in g:  # the request failed before its language was chosen
        _choose_language()
    return make_response(render_template("error.html", status=status), status)
