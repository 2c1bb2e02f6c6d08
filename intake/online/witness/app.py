"""The application factory of the witness's pages."""

from __future__ import annotations

import functools
from collections.abc import Callable
from gettext import NullTranslations
from typing import Any

from flask import Flask, Response, g, request, session, url_for
from flask.typing import ResponseReturnValue
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException

from intake.online.deployment import Deployment
from intake.online.refusal import Refusal
from intake.online.witness import languages, pages, templates
from intake.online.witness.compression import PLAIN_ERROR, compress
from intake.online.witness.error_pages import ErrorPages
from intake.online.witness.foreign import foreign, typed
from intake.online.witness.giving_back import pieces
from intake.online.witness.guards import AnswerHeaders, refuse_foreign_posts
from intake.online.witness.keys_now import KeysNow
from intake.online.witness.mailbox import DoorPage
from intake.online.witness.receipt import ReceiptPage
from intake.online.witness.shown_if import shown_if_rules
from intake.online.witness.submit import SubmitPage
from intake.online.witness.taking import Taking
from intake.online.witness.visit import SealedVisits


def create_app(deployment: Deployment) -> Flask:
    """Make the application that serves one deployment to its witnesses.

    Raises:
        SettingsMistaken: a template of the deployment's own is none.
    """
    settings = deployment.settings
    app = Flask("witness", static_folder=None, template_folder=None)
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
    style = templates.style("style.css", settings.pages.templates)
    form_style = templates.style("form.css", settings.pages.templates)
    form_style += shown_if_rules(deployment.questionnaire)
    _prepare_templates(app, deployment, style=style, form_style=form_style)
    _add_pages(app, deployment)
    choose_language = _chooser(deployment)
    app.before_request(choose_language)
    app.before_request(_judge_post)
    headers = AnswerHeaders((style, form_style), https=settings.https, onion=settings.pages.onion)
    app.after_request(headers.add)
    app.after_request(_compress)
    errors = ErrorPages(choose_language)
    app.register_error_handler(Refusal, errors.not_now)
    app.register_error_handler(HTTPException, errors.http)
    app.register_error_handler(Exception, errors.unexpected)
    return app


def _prepare_templates(app: Flask, deployment: Deployment, **styles: str) -> None:
    translations = languages.load_translations(deployment.languages)
    theirs = deployment.settings.pages.templates
    environment = app.jinja_env
    environment.loader = templates.template_loader(theirs)
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
    environment.filters["pieces"] = pieces
    environment.globals.update(
        **styles,
        organisation=deployment.settings.pages.organisation,
        languages=deployment.languages,
        same_page=_same_page,
        in_digits=lambda value: languages.in_digits(str(value), g.language),
        in_units=lambda size: languages.in_digits(languages.in_units(size), g.language),
    )
    templates.check_templates(environment, theirs)


def _current(translations: dict[str, NullTranslations]) -> NullTranslations:
    return translations[g.language.tag]


def _add_pages(app: Flask, deployment: Deployment) -> None:
    offered = deployment.languages
    prefix = f"/<any({','.join(language.tag for language in offered)}):lang>"
    choose = pages.ChooseLanguage
    app.add_url_rule("/", view_func=choose.as_view("choose_language", offered, "front"))
    # An address that is read out over a telephone has no language in it.
    app.add_url_rule("/keys", view_func=choose.as_view("choose_keys", offered, "keys"))
    keys = KeysNow(deployment)
    taking = Taking(deployment, keys)
    for path, view in (
        (f"{prefix}/", pages.FrontPage.as_view("front", deployment, keys)),
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


def _chooser(deployment: Deployment) -> Callable[[], None]:
    offered = deployment.languages
    by_tag = {language.tag: language for language in offered}

    def choose_language() -> None:
        """Take the language out of the address, for every view and template."""
        (request.view_args or {}).pop("lang", None)
        first = request.path.split("/")[1]
        g.language = by_tag.get(first) or languages.choose(request.accept_languages, offered)

    return choose_language


def _judge_post() -> None:
    """Refuse what another site sent, before any page: its answer changes nothing of a visit."""
    if request.method != "POST":
        return
    try:
        refuse_foreign_posts(request)
    except Refusal:
        session.modified = False
        raise


def _same_page(tag: str) -> str:
    """Return the address of this page in another language."""
    rule = request.url_rule
    if rule is None or "lang" not in rule.arguments:  # no page, or a file of no language
        return url_for("front", lang=tag)
    return url_for(rule.endpoint, lang=tag)


def _compress(response: Response) -> Response:
    return compress(request, response, plain_error=g.get(PLAIN_ERROR, default=False))
