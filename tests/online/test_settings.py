"""The settings file: typed, and a sentence for every mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from intake.errors import SettingsMistaken
from intake.online.settings import GIB, Limits, Retention, find_settings, read_settings

ONION = "http://" + "a" * 56 + ".onion"

LEAST = """\
[keys]
root = "keys/root.pub"
manifest = "/elsewhere/manifest.json"
[store]
state = "state"
[pages]
organisation = "ကမ္ဘာ"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "intake.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_least_there_must_be_gets_the_defaults(tmp_path: Path) -> None:
    settings = read_settings(written(tmp_path, LEAST))
    assert settings.listen == "127.0.0.1:8000"
    assert settings.root == tmp_path / "keys" / "root.pub"
    assert settings.manifest == Path("/elsewhere/manifest.json")
    assert settings.blobs == tmp_path / "state" / "blobs"
    assert settings.database == f"sqlite:///{tmp_path}/state/intake.db"
    assert settings.retention == Retention(180, acknowledged_days=0, reply_days=90)
    assert settings.limits == Limits(4 * GIB, 100, 1_000_000, upload_hours=24, disk_reserve=GIB)
    assert settings.pages.organisation == "ကမ္ဘာ"


def test_what_the_pages_say_is_read_beside_the_file(tmp_path: Path) -> None:
    more = (
        f'onion = "{ONION}"\nlanguages = ["my", "en"]\nwords = "words"\ntemplates = "/t"\n'
        '[pages.shared_with]\ncourt = { en = "A court", my = "တရားရုံး" }\n'
    )
    pages = read_settings(written(tmp_path, LEAST + more)).pages
    assert (pages.onion, pages.languages) == (ONION, ("my", "en"))
    assert (pages.words, pages.templates) == (tmp_path / "words", Path("/t"))
    assert pages.questionnaire is None
    assert pages.shared_with == {"court": {"en": "A court", "my": "တရားရုံး"}}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("[store]\n", "[sture]\n"), "store.state"),
        (('state = "state"', "state = 3"), "store.state"),
        (('organisation = "ကမ္ဘာ"', 'organisation = ""'), "pages.organisation"),
        (("[store]", '[limits]\nsubmission = "4 GB"\n[store]'), "limits.submission"),
        (("[store]", "[limits]\nsubmission = -1\n[store]"), "limits.submission"),
        (("[store]", "[limits]\nattachments = 0\n[store]"), "limits.attachments"),
        (("[store]", "[limits]\nattachments = true\n[store]"), "limits.attachments"),
        (("[store]", "[retention]\nreply_days = 0\n[store]"), "retention.reply_days"),
        (("[store]", "[retention]\nunacknowledged_days = 0\n[store]"), "unacknowledged_days"),
        (("[store]", "[retention]\nacknowledged_days = -1\n[store]"), "acknowledged_days"),
        (("[store]", "[retention]\nacknowledged_days = 36501\n[store]"), "acknowledged_days"),
        (("[store]", "[retention]\ndays = 3\n[store]"), "retention.days"),
        (("[store]", '[server]\nhttps = "yes"\n[store]'), "server.https"),
        (("[store]", '[server]\nhosts = "a"\n[store]'), "server.hosts"),
        (("[store]", "[server]\nport = 80\n[store]"), "server.port"),
        (("[pages]", '[pages]\nleave_to = "javascript:alert(1)"'), "pages.leave_to"),
        (('organisation = "ကမ္ဘာ"', 'organisation = "  "'), "pages.organisation"),
        (('"ကမ္ဘာ"', f'"{"x" * 201}"'), "pages.organisation"),
        (("[pages]", '[pages]\nonion = "http://short.onion"'), "pages.onion"),
        (("[pages]", '[pages]\nonion = "ONION/path"'.replace("ONION", ONION)), "pages.onion"),
        (("[pages]", '[pages]\nlanguages = "en"'), "pages.languages"),
        (("[pages]", "[pages]\nwords = 3"), "pages.words"),
        (("[pages]", '[pages]\nshared_with = "a"'), "[pages.shared_with]"),
        (("[pages]", '[pages]\nshared_with.un = "a"'), "[pages.shared_with.un]"),
        (("[pages]", '[pages]\nshared_with.un = { en = "" }'), "pages.shared_with.un.en"),
        (("[pages]", "[pages]\nshared_with.un = { en = 3 }"), "pages.shared_with.un.en"),
        (("[pages]", "extra = 1\n[pages]"), "store.extra"),
        (("[keys]", "keys = 3\n[kays]"), "[keys]"),
        (("[keys]", "[keys"), "is not TOML"),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, change: tuple[str, str], named: str) -> None:
    with pytest.raises(SettingsMistaken) as refused:
        read_settings(written(tmp_path, LEAST.replace(*change)))
    assert named in str(refused.value)
    assert "\n" not in str(refused.value).strip()


def leaving_to(folder: Path, address: str) -> Path:
    return written(folder, LEAST + f"leave_to = {json.dumps(address)}\n")


@pytest.mark.parametrize(
    "address",
    [
        "https://www.example.org/weather?in=Yangon&x=%20#today",
        "http://example.org",
        "http://192.0.2.1:8080/",
        "http://[2001:db8::1]:80/",
        f"{ONION}/",
        "https://localhost:65535/",
    ],
)
def test_leave_goes_to_any_page(tmp_path: Path, address: str) -> None:
    assert read_settings(leaving_to(tmp_path, address)).pages.leave_to == address


@pytest.mark.parametrize(
    "address",
    [
        "https://",
        "https:example.org",
        "https:///path",
        "//example.org/",
        "example.org",
        "ftp://example.org/",
        "javascript:alert(1)",
        "http://[::1",
        "http://[nothing]/",
        "https://a.example:99999999/",
        "https://a.example:0/",
        "https://a.example:port/",
        "https://:443/",
        "https://user@a.example/",
        "https://user:secret@a.example/",
        "https://a..example/",
        "https://-a.example/",
        "https://a_b.example/",
        "https://a.example\\@b.example/",
        "https://a.example/ b",
        "https://a.example/\tx",
        "https://a.example/\r\nX: y",
        "https://a.example/\x00",
        " https://a.example/",
        "https://a.example/\n",
        "https://ကမ္ဘာ.example/",
        'https://a.example/"x',
        "https://a.example/" + "x" * 2000,
    ],
)
def test_leave_goes_nowhere_that_is_no_page(tmp_path: Path, address: str) -> None:
    with pytest.raises(SettingsMistaken, match=r"^The setting pages\.leave_to must be"):
        read_settings(leaving_to(tmp_path, address))


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeff" + LEAST)
    assert read_settings(path).pages.organisation == "ကမ္ဘာ"


def test_sizes_are_written_with_or_without_units(tmp_path: Path) -> None:
    for text, size in (('"3 MiB"', 3 << 20), ('"3MiB"', 3 << 20), ("77", 77), ('"2 KiB"', 2048)):
        found = read_settings(written(tmp_path, LEAST + f"[limits]\ndisk_reserve = {text}\n"))
        assert found.limits.disk_reserve == size


def test_the_file_is_looked_for_where_it_was_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("intake.online.settings.DEFAULT_PLACES", (Path("intake.toml"),))
    assert find_settings("a", {"INTAKE_CONFIG": "b"}) == Path("a")
    assert find_settings(None, {"INTAKE_CONFIG": "b"}) == Path("b")
    with pytest.raises(SettingsMistaken):
        find_settings(None, {})
    written(tmp_path, LEAST)
    assert find_settings(None, {}) == Path("intake.toml")


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsMistaken):
        read_settings(tmp_path / "missing")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsMistaken):
        read_settings(tmp_path / "bytes")
