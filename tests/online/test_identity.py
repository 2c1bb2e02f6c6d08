"""How to reach a witness: asked only where a custodian can be given it, and kept nowhere else."""

from __future__ import annotations

import html
import json
import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.envelope.identity import ANSWERS_CHARACTERS
from intake.errors import NotForUs
from intake.manifest.model import Epoch, Role
from intake.online.keys_in_force import KeysInForce
from intake.online.refusal import Reason
from intake.online.settings import Limits
from intake.online.witness.app import create_app
from intake.online.witness.visit import SealedVisits
from tests.support.deployments import NOON, Scene, encode, hidden_fields, make_scene, send

ACCOUNT = "ရွာကို မီးရှို့ခဲ့တယ်။"
REACH = "ဒေါ်အေး၊ ၀၉ ၁၂၃ ၄၅၆ (ညနေပိုင်း)\nသို့မဟုတ် ဈေးထဲမှာ"
CUSTODIAN = HybridIdentity.generate()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make_scene(tmp_path / "deployment", custodian=CUSTODIAN)


def identity(scene: Scene, sealed: Path) -> dict[str, str]:
    """Return the answers that the custodian reads."""
    document = json.loads(open_bytes(scene.members(sealed)["identity.age"], [CUSTODIAN]))
    assert document["format"] == "intake-identity-1"
    answers: dict[str, str] = document["answers"]
    return answers


def textarea(page: str, name: str) -> str | None:
    """Return what stands in a field of a form, or None where it is not asked for."""
    match = re.search(rf'<textarea[^>]* id="{name}".*?>\n(.*?)</textarea>', page, re.DOTALL)
    return None if match is None else html.unescape(match[1])


def without_custodians(scene: Scene) -> None:
    """Install a version in which nobody is a custodian any more."""
    (epoch,) = scene.manifest.epochs
    left = tuple(r for r in epoch.recipients if r.role is Role.REVIEWERS)
    second = replace(scene.manifest, version=2, epochs=(replace(epoch, recipients=left),))
    scene.publish(scene.manifest, second)


def refused(scene: Scene, answer: TestResponse, reason: Reason, reach: str | None) -> None:
    """Nothing was taken, and the page says why and gives back how to reach."""
    assert answer.status_code == reason.status
    assert reason.sentence in html.unescape(answer.text)
    assert textarea(answer.text, "reach") == reach
    assert list((scene.folder / "state" / "blobs").iterdir()) == []


# --- asked, or not -------------------------------------------------------------------------------


def test_it_is_asked_where_there_is_a_custodian(client: Client) -> None:
    for lang in ("en", "my"):
        page = client.get(f"/{lang}/submit").text
        assert textarea(page, "reach") == ""
        # Three a field has from its form. Firefox's session files hold what does not say itself
        # that it is not to be completed; and no form says that its questions stay untranslated.
        [form] = re.findall(r'<form id="account-form".*?>', page)
        for guard in ("autocomplete", "spellcheck", "autocorrect", "autocapitalize"):
            assert re.search(rf' {guard}="(off|false)"', form)
        for field in re.findall(r"<textarea.*?>", page.split(form)[1].split("</form>")[0]):
            assert ' autocomplete="off" translate="no"' in field
            assert not re.search(r" (spellcheck|autocorrect|autocapitalize)=", field)
        assert f'name="reach" rows="2" maxlength="{ANSWERS_CHARACTERS}"' in page


def test_it_is_not_asked_where_there_is_none(scene: Scene, client: Client) -> None:
    without_custodians(scene)
    assert "reach" not in client.get("/en/submit").text
    assert "reach" not in send(client, "", lang="en").text


# --- sealed apart --------------------------------------------------------------------------------


def test_the_custodian_opens_it_and_the_reviewer_does_not(scene: Scene, client: Client) -> None:
    assert send(client, ACCOUNT, reach=REACH).status_code == 303
    (sealed,) = scene.sealed()
    assert identity(scene, sealed) == {"reach": REACH}
    assert scene.accounts() == [ACCOUNT]
    with pytest.raises(NotForUs):
        open_bytes(scene.members(sealed)["identity.age"], [scene.reviewer])


def test_a_revoked_custodian_is_not_asked_for_it_and_gets_nothing(
    scene: Scene, client: Client
) -> None:
    gone = str(CUSTODIAN.recipient())
    scene.publish(scene.manifest, replace(scene.manifest, version=2, revocations=(gone,)))
    assert textarea(client.get("/en/submit").text, "reach") is None
    assert send(client, ACCOUNT).status_code == 303
    (sealed,) = scene.sealed()
    with pytest.raises(NotForUs):
        open_bytes(scene.members(sealed)["identity.age"], [CUSTODIAN])


@pytest.mark.parametrize("reach", [None, "", " ", "\r\n \t\u2003"])
def test_white_space_is_not_given(scene: Scene, client: Client, reach: str | None) -> None:
    assert send(client, ACCOUNT, reach=reach).status_code == 303
    (sealed,) = scene.sealed()
    assert identity(scene, sealed) == {}


def test_nothing_but_the_one_file_tells_whether_it_was_given(scene: Scene, client: Client) -> None:
    hidden = hidden_fields(client.get("/my/submit").text)
    given: list[dict[str, bytes]] = []
    for reach in (None, REACH, b"\xff\xed\xa0\x80"):
        assert send(client, ACCOUNT, hidden=hidden, reach=reach).status_code == 303
        (sealed,) = scene.sealed()
        given.append(scene.members(sealed))
        assert sealed.stat().st_size == 256 * 1024
        sealed.unlink()
    assert {len(members["identity.age"]) for members in given} == {32 * 1024}
    for name in ("account.txt", "account.json", "padding"):
        assert len({members[name] for members in given}) == 1


def test_no_byte_of_it_is_anywhere_else(
    scene: Scene, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    marker = "marker-in-reach"
    answer = send(client, ACCOUNT, [("a.jpg", b"photo")], reach=marker)
    assert answer.status_code == 303
    refused_one = send(client, ACCOUNT, reach=marker, hidden={}, lang="en")
    assert marker in refused_one.text

    (sealed,) = scene.sealed()
    members = scene.members(sealed)
    assert marker.encode() in open_bytes(members.pop("identity.age"), [CUSTODIAN])
    assert marker.encode() not in b"".join(members.values())
    on_disk = b"".join(p.read_bytes() for p in scene.folder.rglob("*") if p.is_file())
    assert marker.encode() not in on_disk
    assert marker not in caplog.text
    assert marker not in client.get("/my/receipt").text
    key = scene.deployment().server_keys.visit
    visits = SealedVisits(key, https=False, clock=lambda: NOON)
    for given in (answer, refused_one):
        assert marker not in str(given.headers)
        for cookie in given.headers.getlist("Set-Cookie"):
            contents = visits._open(cookie.split(";")[0].removeprefix("visit="))
            assert contents["csrf_token"]
            assert marker not in json.dumps(contents)


# --- the same ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [
        (REACH, REACH, 1),
        (REACH, REACH + ".", 2),
        (REACH, None, 2),
        (None, REACH, 2),
        (None, "", 1),
        (None, " \n", 1),
        ("one\r\ntwo", "one\ntwo", 1),
    ],
)
def test_it_counts_for_what_is_the_same(
    scene: Scene, client: Client, first: str | None, second: str | None, count: int
) -> None:
    hidden = hidden_fields(client.get("/my/submit").text)
    for reach in (first, second):
        assert send(client, ACCOUNT, hidden=hidden, reach=reach).status_code == 303
    assert len(scene.sealed()) == count


def test_it_cannot_stand_in_for_the_account_or_a_file(scene: Scene, client: Client) -> None:
    hidden = hidden_fields(client.get("/my/submit").text)
    document = '{"format": "intake-identity-1", "answers": {"reach": "x"}}'
    assert send(client, document, hidden=hidden, reach="y").status_code == 303
    assert send(client, "y", hidden=hidden, reach="x").status_code == 303
    assert send(client, document, hidden=hidden).status_code == 303
    assert len(scene.sealed()) == 3


# --- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize("account", ["", " \n"])
def test_alone_it_is_no_account(scene: Scene, client: Client, account: str) -> None:
    answer = send(client, account, reach=REACH, lang="en")
    refused(scene, answer, Reason.EMPTY, REACH)


@pytest.mark.parametrize("character", ["x", "က", "\U0001f54a", "\x01", '"', "\n"])
def test_the_limit_itself_is_taken_and_one_more_is_not(
    scene: Scene, client: Client, character: str
) -> None:
    most = "x" + character * (ANSWERS_CHARACTERS - 1)
    answer = send(client, ACCOUNT, [("a", b"x" * 70_000)], reach=most + "x", lang="en")
    refused(scene, answer, Reason.REACH_TOO_LONG, most + "x")
    assert textarea(answer.text, "account") == ACCOUNT
    assert send(client, ACCOUNT, reach=most).status_code == 303
    (sealed,) = scene.sealed()
    assert identity(scene, sealed) == {"reach": most}


def test_line_ends_count_once(scene: Scene, client: Client) -> None:
    assert send(client, ACCOUNT, reach="\r\n" * 500 + "x" * 500).status_code == 303
    (sealed,) = scene.sealed()
    assert identity(scene, sealed) == {"reach": "\n" * 500 + "x" * 500}


@pytest.mark.parametrize("character", ["x", "<", "&", "\x01", "က"])
def test_far_more_than_fits_comes_back(scene: Scene, client: Client, character: str) -> None:
    """No browser sends this much from a field that says how long it may be."""
    far_more = character * 30_000
    answer = send(client, ACCOUNT, reach=far_more, lang="en")
    refused(scene, answer, Reason.REACH_TOO_LONG, far_more)
    answer = send(client, ACCOUNT, reach=character * 1_000_000, lang="en")
    assert answer.status_code == Reason.REACH_TOO_LONG.status
    assert textarea(answer.text, "account") == ACCOUNT
    assert far_more in (textarea(answer.text, "reach") or "")


def test_control_characters_stay_and_half_surrogates_are_replaced(
    scene: Scene, client: Client
) -> None:
    said = b"\x00\x1b[2J\x7f\xc2\x85\xe2\x80\xae one\r\ntwo\rthree \xed\xa0\x80\xed\xb0\x80 \xff"
    assert send(client, ACCOUNT, reach=said).status_code == 303
    (sealed,) = scene.sealed()
    wanted = "\x00\x1b[2J\x7f\x85\u202e one\ntwo\nthree " + "\ufffd" * 6 + " \ufffd"
    assert identity(scene, sealed) == {"reach": wanted}


@pytest.mark.parametrize("name", ["reach", "account", "csrf_token", "code"])
def test_a_field_that_is_there_twice_is_refused(scene: Scene, client: Client, name: str) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    fields = {**hidden, "account": ACCOUNT, "reach": REACH}
    body = encode([*fields.items(), (name, fields[name])], [("a", b"x")])
    answer = client.post(
        "/en/submit", data=body, content_type="multipart/form-data; boundary=----browser1234567890"
    )
    refused(scene, answer, Reason.MALFORMED, REACH)


def test_with_nobody_to_tell_nothing_is_taken_and_it_can_be_taken_out(
    scene: Scene, client: Client
) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    without_custodians(scene)
    answer = send(client, ACCOUNT, [("a", b"x")], hidden=hidden, lang="en", reach=REACH)
    refused(scene, answer, Reason.NOBODY_TO_TELL, REACH)
    assert textarea(answer.text, "account") == ACCOUNT
    assert "custodians" not in answer.text
    again = send(client, ACCOUNT, hidden=hidden_fields(answer.text), lang="en", reach=" ")
    assert again.status_code == 303
    assert scene.accounts() == [ACCOUNT]


REFUSALS: dict[str, tuple[dict[str, Any], Reason]] = {
    "a wrong token": ({"hidden": {}}, Reason.WRONG_TOKEN),
    "nothing written": ({"account": ""}, Reason.EMPTY),
    "an account too long": ({"account": "x" * 101}, Reason.ACCOUNT_TOO_LONG),
    "files too large": ({"files": [("a", b"x" * 1_000_001)]}, Reason.TOO_LARGE),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_it_comes_back_to_the_letter_whatever_was_refused(scene: Scene, name: str) -> None:
    limits = Limits(submission=1_000_000, attachments=2, account_characters=100, disk_reserve=0)
    client = Client(create_app(scene.deployment(limits=limits)))
    changes, reason = REFUSALS[name]
    typed = "\n\n<script>&lt; \"' </textarea> \x1b\x00\n"
    client.get("/en/submit")
    answer = send(client, **{"account": "word", "lang": "en", "reach": typed, **changes})
    refused(scene, answer, reason, typed)
    assert "<script>" not in answer.text


def test_it_comes_back_on_a_bad_day_with_the_account(scene: Scene, client: Client) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    (epoch,) = scene.manifest.epochs
    nobody = Epoch(epoch.id, epoch.begins, epoch.ends, ())
    scene.publish(scene.manifest, replace(scene.manifest, version=2, epochs=(nobody,)))
    answer = send(client, ACCOUNT, hidden=hidden, lang="en", reach=REACH)
    refused(scene, answer, Reason.NO_KEYS, REACH)
    assert textarea(answer.text, "account") == ACCOUNT


def test_keys_that_fail_in_a_way_nobody_foresaw_cost_no_word(
    scene: Scene, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)

    def fail(*_args: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(KeysInForce, "on", fail)
    answer = send(client, ACCOUNT, hidden=hidden, lang="en", reach=REACH)
    refused(scene, answer, Reason.CANNOT_KEEP, REACH)
    assert textarea(answer.text, "account") == ACCOUNT
