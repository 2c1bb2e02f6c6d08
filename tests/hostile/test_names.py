"""Names made to act: on a path, a shell, a desktop, a terminal or the eye. None of them may."""

from __future__ import annotations

import os
import random
import time
import unicodedata
from pathlib import Path

import pytest

from intake.offline.safe_names import DANGEROUS, UNTRUSTED, printable, safe_names

NAMES: dict[str, tuple[str, str]] = {
    # paths
    "traversal": ("../../.bashrc", "_.._.bashrc"),
    "absolute": ("/etc/passwd", "_etc_passwd"),
    "backslashes": ("..\\..\\a.txt", "_.._a.txt"),
    "drive": ("C:\\a.txt", "C__a.txt"),
    "share": ("\\\\evil\\a.txt", "__evil_a.txt"),
    "stream": ("a.txt:hidden", "a.txt_hidden"),
    "address": ("file:///etc/passwd", "file____etc_passwd"),
    "NUL": ("a.jpg\0.exe", "a.jpg_.exe.untrusted"),
    "here": (".", "attachment-001"),
    "above": ("..", "attachment-001"),
    "slash": ("/", "_"),
    "nothing": ("", "attachment-001"),
    "spaces": ("   ", "attachment-001"),
    "nothing that is seen": ("\u202e\u2066\ufeff\u00ad", "attachment-001"),
    # beginnings and ends
    "hidden": (".bashrc", "bashrc"),
    "hidden, dots": ("...a", "a"),
    "option": ("-rf", "rf"),
    "option, long": ("--checkpoint-action=exec", "checkpoint-action=exec"),
    "home": ("~root", "root"),
    "space before": (" a.txt", "a.txt"),
    "space behind": ("a.txt ", "a.txt"),
    "dot behind": ("a.txt.", "a.txt"),
    "dots and spaces behind": ("a.exe. . .", "a.exe.untrusted"),
    "space of another kind behind": ("a.exe\u00a0\u3000", "a.exe.untrusted"),
    "dash behind a mark of direction": ("\u200e-rf", "rf"),
    # devices
    "CON": ("CON", "_CON"),
    "nul with an extension": ("nul.txt", "_nul.txt"),
    "Com1": ("Com1.tar.gz", "_Com1.tar.gz"),
    "superscript": ("COM¹.txt", "_COM¹.txt"),
    "space before the dot": ("aux .txt", "_aux .txt"),
    "CONIN$": ("CONIN$", "_CONIN$"),
    # what Windows forbids
    "forbidden": ('<a>:"|?*.txt', "_a______.txt"),
    # controls
    "line end": ("a\nb.txt", "a_b.txt"),
    "carriage return": ("a\rb.txt", "a_b.txt"),
    "escape": ("\x1b[31ma.txt", "_[31ma.txt"),
    "title": ("\x1b]0;evil\x07.txt", "_]0;evil_.txt"),
    "C1": ("\x9b31ma.txt", "_31ma.txt"),
    "DEL": ("a\x7f.txt", "a_.txt"),
    "line separator": ("a\u2028b\u2029c.txt", "a_b_c.txt"),
    "half a surrogate pair": ("a\ud800.txt", "a_.txt"),
    "no character": ("a\uffff\ufdd0\U0010fffe.txt", "a___.txt"),
    # the eye
    "override": ("photo\u202egpj.exe", "photogpj.exe.untrusted"),
    "override, the other way": ("ann\u202dexe.jpg", "annexe.jpg"),
    "isolate": ("a\u2066b\u2067c\u2068d\u2069.txt", "abcd.txt"),
    "embedding": ("a\u202ab\u202bc\u202c.txt", "abc.txt"),
    "marks of direction": ("a\u200eb\u200fc\u061c.txt", "abc.txt"),
    "tags": ("a\U000e0065\U000e0078\U000e007f.txt", "a.txt"),
    "selectors that hide": ("a\U000e0100\U000e01ef.txt", "a.txt"),
    "soft hyphen": ("a.e\u00adxe", "a.exe.untrusted"),
    "byte order mark": ("\ufeffa.txt", "a.txt"),
    "joiners between ASCII": ("a\u200bb\u200cc\u200dd\u2060.txt", "abcd.txt"),
    "joiners in a row": ("က\u200b\u200b\u200d\u2060ခ.txt", "က\u200bခ.txt"),
    "joiner at the end": ("က\u200d.txt", "က.txt"),
    "joiner before the extension's letters": ("a.\u200bexe", "a.exe.untrusted"),
    "blank letters": ("\u3164\u115f.txt", "txt"),
    "blank braille": ("a\u2800.txt", "a .txt"),
    "spaces that push": ("a.jpg" + " " * 200 + ".pdf", "a.jpg .pdf"),
    # types
    "desktop": ("Photo.desktop", "Photo.desktop.untrusted"),
    "shortcut": ("Photo.lnk", "Photo.lnk.untrusted"),
    "double extension": ("photo.jpg.exe", "photo.jpg.exe.untrusted"),
    "double extension, inside": ("photo.exe.jpg", "photo.exe.jpg.untrusted"),
    "capitals": ("A.ScR", "A.ScR.untrusted"),
    "full width": ("a.ｅｘｅ", "a.ｅｘｅ.untrusted"),
    "a dot that looks like one": ("a․exe", "a․exe.untrusted"),
    "space inside the type": ("a. exe", "a. exe.untrusted"),
    "a page": ("a.html", "a.html.untrusted"),
    "a drawing": ("a.svg", "a.svg.untrusted"),
    "long type": ("a.settingcontent-ms", "a.settingcontent-ms.untrusted"),
    "only a type": (".desktop", "desktop"),
    "a type that the cut lays bare": (
        "a" * 216 + ".exe" + "b" * 100,
        "a" * 216 + ".exe" + UNTRUSTED,
    ),
    "untrusted already": ("a.exe.untrusted", "a.exe.untrusted.untrusted"),
}


@pytest.mark.parametrize(("name", "expected"), NAMES.values(), ids=NAMES.keys())
def test_a_name_that_acts(name: str, expected: str) -> None:
    assert safe_names([name]) == (expected,)


@pytest.mark.parametrize("extension", sorted(DANGEROUS))
def test_a_dangerous_type_is_marked(extension: str) -> None:
    for name in (f"a.{extension}", f"ဓာတ်ပုံ.jpg.{extension.upper()}", f"{'က' * 500}.{extension}"):
        answer = safe_names([name])[0]
        assert answer.casefold().endswith(f".{extension}{UNTRUSTED}")


FORBIDDEN = set('/\\<>:"|?*')


def check(names: list[str], folder: Path | None = None) -> None:
    """Check what must hold of every answer, whatever was asked."""
    answers = safe_names(names)
    assert len(answers) == len(names)
    folded = {unicodedata.normalize("NFKC", answer).casefold() for answer in answers}
    assert len(folded | {"account.txt", "account.json"}) == len(names) + 2
    for answer in answers:
        assert 0 < len(answer.encode("utf-8")) <= 255
        assert not FORBIDDEN.intersection(answer)
        assert printable(answer) == answer
        assert answer[0] not in " .-~"
        assert answer[-1] not in " ."
        extension = answer.rpartition(".")[2].casefold() if "." in answer else ""
        assert extension not in DANGEROUS
        if folder is not None:
            (folder / answer).touch(exist_ok=False)


def test_whatever_is_asked_the_answer_can_be_a_file(tmp_path: Path) -> None:
    choice = random.Random(19)  # noqa: S311  # the same each run
    pieces = [
        *"abAB .-~/\\:\0\n\x1b\x9b\u202e\u2066\u200b\u200c\u200d\u2060",
        *"\ufeff\u3164\u2800\ud800\udfff",
        *(".exe", ".JPG", ".desktop", "con", "COM1", "..", " (2)", "account", ".txt", ".json"),
        *("က", "္", "ာ", "ပုံ", "é", "e\u0301", "ß", "ı", "ﬁ", "👩", "🇲", "🏽", "\ufe0f", "\u2028"),
        *("\U000e0041", "\U000e0100", "\U0010ffff", "a" * 300, "က" * 90, "\u0301" * 250),
    ]
    for turn in range(150):
        folder = tmp_path / str(turn)
        folder.mkdir()
        check(["".join(choice.choices(pieces, k=choice.randrange(12))) for _ in range(40)], folder)


def test_every_character_that_is_no_plain_letter() -> None:
    """And one in ninety-seven of all the others, assigned or not."""
    codes = [
        code
        for code in range(0x110000)
        if code % 97 == 0 or unicodedata.category(chr(code)) not in {"Lo", "Co", "Cn", "Cs"}
    ]
    for start in range(0, len(codes), 50):
        check([f"{chr(code)}a{chr(code)}.jpg{chr(code)}" for code in codes[start : start + 50]])


def test_ten_thousand_names_alike_take_no_longer() -> None:
    began = time.monotonic()
    check(["ဓာတ်ပုံ.jpg"] * 10_000)
    check([f"{'က' * 200}{n % 5000}.jpg" for n in range(10_000)])
    check([f"a ({n}).jpg" for n in range(5000)] + ["a.jpg"] * 5000)
    assert time.monotonic() - began < 20


def test_a_name_of_a_million_characters_takes_no_longer() -> None:
    began = time.monotonic()
    for name in ("a" * 10**6, "\u200b" * 10**6, " " * 10**6, "." * 10**6, "က\u200b" * 10**6):
        check([name, name + ".exe"])
    assert time.monotonic() - began < 20


def test_a_name_cannot_leave_its_folder(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    for (name, _), number in zip(NAMES.values(), range(len(NAMES)), strict=True):
        answer = safe_names([name])[0]
        path = inside / str(number) / answer
        assert Path(os.path.normpath(path)) == path
        assert path.parent == inside / str(number)
