"""A questionnaire with every kind of question and consent, and forms that answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from flask import Flask
from werkzeug.datastructures import MultiDict
from werkzeug.test import Client, TestResponse

from intake.online.questionnaire.model import Questionnaire, Texts
from intake.online.questionnaire.reading import read_questionnaire
from intake.online.witness.app import create_app
from tests.support.deployments import BOUNDARY, Scene, encode, hidden_fields

LANGUAGES = ("en", "my")
BODIES: Mapping[str, Texts] = {
    "iimm": {"en": "the Mechanism", "my": "ယန္တရား"},
    "court": {"en": "the court", "my": "တရားရုံး"},
}

EVERYTHING = """\
format = "intake-questionnaire-1"
id = "everything"
version = "1"

[[section]]
id = "facts"
title = { en = "The facts", my = "အချက်များ" }
hint = { en = "Only what you want to tell.", my = "ပြောချင်တာသာ ပြောပါ။" }

[[section.question]]
id = "what"
kind = "text"
label = { en = "What was it?", my = "ဘာလဲ။" }

[[section.question]]
id = "how"
kind = "long-text"
sensitive = true
label = { en = "How was it?", my = "ဘယ်လိုလဲ။" }
hint = { en = "As it comes.", my = "ရေးချင်သလို ရေးပါ။" }

[[section.question]]
id = "saw"
kind = "choice"
label = { en = "Did you see it?", my = "မြင်ခဲ့သလား။" }
options = [
  { id = "yes", label = { en = "Yes", my = "ဟုတ်ကဲ့" } },
  { id = "no", label = { en = "No", my = "မမြင်ဘူး" } },
]

[[section.question]]
id = "heard"
kind = "choices"
label = { en = "What did you hear?", my = "ဘာကြားလဲ။" }
shown_if = { question = "saw", any = ["no"] }
options = [
  { id = "shots", label = { en = "Shots", my = "သေနတ်သံ" } },
  { id = "orders", label = { en = "Orders", my = "အမိန့်" } },
  { id = "radio", label = { en = "The radio", my = "ရေဒီယို" } },
]

[[section.question]]
id = "when"
kind = "date"
label = { en = "When was it?", my = "ဘယ်တုန်းကလဲ။" }

[[section.question]]
id = "where"
kind = "place"
label = { en = "Where was it?", my = "ဘယ်မှာလဲ။" }
options = [
  { id = "exact", label = { en = "Exactly there", my = "အတိအကျ" } },
  { id = "near", label = { en = "Near there", my = "အနီးအနား" } },
]

[[section.question]]
id = "dead"
kind = "number-range"
label = { en = "How many died?", my = "ဘယ်နှစ်ယောက် သေလဲ။" }

[[section.question]]
id = "local"
kind = "text"
languages = ["my"]
label = { my = "ဒေသခံ အခေါ်အဝေါ်" }

[[section]]
id = "reaching"
title = { en = "How to reach you", my = "ဘယ်လို ဆက်သွယ်ရမလဲ" }

[[section.question]]
id = "reach"
kind = "long-text"
identifying = true
label = { en = "How can we reach you?", my = "ဘယ်လို ဆက်သွယ်ရမလဲ။" }

[[section.question]]
id = "friend"
kind = "text"
identifying = true
label = { en = "Who else knows how?", my = "ဘယ်သူ သိသေးလဲ။" }

[[consent]]
id = "study"
label = { en = "Keep it and study it.", my = "သိမ်းပြီး လေ့လာပါ။" }
hint = { en = "Nobody else gets it.", my = "တခြားသူ မရပါ။" }

[[consent]]
id = "share"
label = { en = "Give it to %(body)s.", my = "%(body)s ကို ပေးပါ။" }

[[consent]]
id = "silence"
label = { en = "If you hear nothing from me:", my = "ကျွန်ုပ်ထံက ဘာမှ မကြားရင်" }
options = [
  { id = "wait", label = { en = "Wait", my = "စောင့်ပါ" } },
  { id = "destroy", label = { en = "Destroy it", my = "ဖျက်ဆီးပါ" } },
]
"""


def questionnaire(
    folder: Path,
    text: str = EVERYTHING,
    languages: Sequence[str] = LANGUAGES,
    bodies: Mapping[str, Texts] = BODIES,
) -> Questionnaire:
    """Read a questionnaire from its text."""
    path = folder / "questionnaire.toml"
    path.write_text(text, encoding="utf-8")
    return read_questionnaire(path, languages, bodies)


def form(*fields: tuple[str, str]) -> MultiDict[str, str]:
    """Return the fields of a form."""
    return MultiDict(fields)


def asking_everything(scene: Scene) -> Flask:
    """Return the pages of a deployment whose form has every kind of question."""
    return create_app(replace(scene.deployment(), questionnaire=questionnaire(scene.folder)))


def answer(
    client: Client,
    fields: Sequence[tuple[str, str | bytes]],
    files: Sequence[tuple[str, bytes]] = (),
    *,
    hidden: Mapping[str, str] | None = None,
    lang: str = "en",
    query: str = "",
) -> TestResponse:
    """Open the form unless its hidden fields are given, and send it with these fields."""
    if hidden is None:
        hidden = hidden_fields(client.get(f"/{lang}/submit").text)
    return client.post(
        f"/{lang}/submit{query}",
        data=encode([*hidden.items(), *fields], list(files)),
        content_type=f"multipart/form-data; boundary={BOUNDARY}",
    )
