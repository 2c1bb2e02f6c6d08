"""Honest names survive letter by letter; numbers and cuts fall where a reader expects them."""

from __future__ import annotations

import itertools
import os
import unicodedata
from pathlib import Path

import pytest

from intake.offline.safe_names import DANGEROUS, NAME_LIMIT, UNTRUSTED, printable, safe_names


def safe(name: str) -> str:
    return safe_names([name])[0]


HONEST = {
    "Burmese": "ဓာတ်ပုံ ၁ (ရွာမီးလောင်).jpg",
    "Burmese, stacked": "သတ္တဝါ ကမ္ဘာ အင်္ဂလန်.pdf",
    "Burmese, long": "ကျွန်တော်တို့ရွာကိုမီးရှို့ခဲ့တဲ့နေ့ကရိုက်ထားတဲ့ဗီဒီယို၂.mp4",
    "Burmese between zero-width spaces": "ရွာ\u200bမီး\u200bလောင်.jpg",
    "Burmese with a non-joiner": "က\u200cခ.jpg",
    "Burmese typed the old way (Zawgyi)": "ေက်းရြာ.jpg",
    "Shan": "ၵႂၢမ်းတႆး ႁဝ်း.pdf",
    "Mon": "ဘာသာ မန် ၚေၝ်.docx",
    "S'gaw Karen": "ကညီကျိာ် ၦၤ.txt",
    "Western Pwo Karen": "ၥၪကၠိၩ့.txt",
    "Rumai Palaung": "ဢႅၼ်ႇ.png",
    "Kayah Li": "ꤊꤢꤛꤢ꤭ ꤜꤟꤤ꤬.jpg",
    "Chin": "Lai ṭong.doc",
    "Thai": "รูปถ่าย น้ำ ที่หมู่บ้าน.jpg",
    "Lao": "ຮູບ ນ້ຳ.jpg",
    "Khmer": "រូប\u200bថត.jpg",
    "Chinese": "缅甸的照片（一）.jpg",
    "Japanese": "写真・が.jpg",
    "Korean": "사진.jpg",
    "Korean, taken apart": unicodedata.normalize("NFD", "사진.jpg"),
    "Hindi": "क्षेत्र.jpg",
    "Arabic": "صورة ١.jpg",
    "Persian": "می\u200cخواهم.jpg",
    "Hebrew": "תמונה.jpg",
    "Rohingya": "𐴌𐴟𐴇𐴥𐴝𐴚𐴒.jpg",
    "emoji": "🔥 ❤️ 👍🏽 👩‍👩‍👧 🏳️‍🌈 🇲🇲.png",
    "emoji of tomorrow": "\U0001fabe\U0001fadf.png",
    "composed": "Café.jpg",
    "taken apart": "Cafe\u0301.jpg",
    "a telephone's": "IMG_20240131_235959.jpg",
    "WhatsApp's": "WhatsApp Image 2024-01-31 at 23.59.59 (1).jpeg",
    "a downloader's": "y2mate.com - မီး_1080p.mp4",
    "a site's": "facebook.com.mp4",
    "two dots": "archive.tar.gz",
    "no extension": "README",
    "signs": "a+b=c, d; [e] {f} #1 & 50% @home 'x' $y!.txt",
    "a dash inside": "a-b.txt",
    "devices that are none": "console.txt",
    "a device later": "my.con.txt",
}


@pytest.mark.parametrize("name", HONEST.values(), ids=HONEST.keys())
def test_an_honest_name_survives(name: str, tmp_path: Path) -> None:
    assert safe(name) == name
    (tmp_path / name).touch()
    assert os.listdir(tmp_path) == [name]  # noqa: PTH208  # as it stands on the disk


def test_names_that_differ_stay_as_they_are() -> None:
    names = tuple(HONEST.values())
    apart = [n for n in names if unicodedata.normalize("NFC", n) == n]
    assert safe_names(apart) == tuple(apart)


ALIKE = {
    "the same": ("က.jpg", "က.jpg"),
    "case": ("a.jpg", "A.JPG"),
    "case, beyond ASCII": ("Ĉ.jpg", "ĉ.jpg"),
    "case that changes length": ("straße", "STRASSE"),
    "dotless": ("kız", "KIZ"),
    "normalisation": ("é.jpg", "e\u0301.jpg"),
    "normalisation, in Burmese": ("ဦး.jpg", "\u1025\u102eး.jpg"),
    "order of marks": ("က\u1037\u103a.jpg", "က\u103a\u1037.jpg"),
    "width": ("a1.jpg", "ａ１.jpg"),
    "a sign nobody sees": ("ကခ.jpg", "က\u200bခ.jpg"),
    "a selector nobody sees": ("❤.jpg", "❤\ufe0f.jpg"),
    "what was taken out": ("a.jpg", "\u202ea.jpg"),
    "spaces": ("a b", "a\u00a0b"),
    "nothing": ("attachment-002", ""),
}


@pytest.mark.parametrize("pair", ALIKE.values(), ids=ALIKE.keys())
def test_names_alike_get_numbers(pair: tuple[str, str]) -> None:
    first, second = safe_names(pair)
    assert first == pair[0]
    stem, dot, extension = second.partition(".")
    assert stem.endswith(" (2)")
    assert dot + extension == os.path.splitext(pair[1])[1]  # noqa: PTH122  # a name is no path


def test_numbers_step_over_names_that_have_one() -> None:
    names = ["a.jpg", "a (2).jpg", "a.jpg", "a (3).jpg", "a.jpg"]
    assert safe_names(names) == ("a.jpg", "a (2).jpg", "a (3).jpg", "a (3) (2).jpg", "a (4).jpg")


def test_the_names_of_our_own_files_are_taken() -> None:
    assert safe_names(["account.txt", "Account.JSON"]) == ("account (2).txt", "Account (2).JSON")


def test_a_name_that_is_nothing_gets_its_number() -> None:
    assert safe_names(["a", "", "."]) == ("a", "attachment-002", "attachment-003")


def test_no_names() -> None:
    assert safe_names([]) == ()


# --- long names ------------------------------------------------------------------------------

LONG = {
    "Latin": "a" * 10_000,
    "Burmese": "သတ္တဝါ" * 100,
    "stacked": "က္ကျွ" * 100,
    "Thai": "น้ำ" * 100,
    "marks": "e\u0301\u0323" * 200,
    "joined emoji": "👩‍👩‍👧" * 50,
    "flags": "🇲🇲" * 100,
    "tones of skin": "👍🏽" * 100,
    "jamo": unicodedata.normalize("NFD", "각" * 100),
}


@pytest.mark.parametrize("stem", LONG.values(), ids=LONG.keys())
@pytest.mark.parametrize("shift", range(4))
@pytest.mark.parametrize("extension", ["", ".jpg", ".desktop"])
def test_a_long_name_is_cut_between_signs(stem: str, shift: int, extension: str) -> None:
    name = safe("a" * shift + stem + extension)
    bare = name.removesuffix(UNTRUSTED).removesuffix(extension)
    assert NAME_LIMIT - 30 < len((bare + extension).encode()) <= NAME_LIMIT
    assert name.startswith("a" * shift + stem[:10])
    assert name.removesuffix(UNTRUSTED).endswith(extension)
    following = ("a" * shift + stem)[len(bare) :]
    assert unicodedata.category(following[0]) not in {"Mn", "Mc", "Me"}
    assert following[0] not in "\u200dำ🏽"
    assert bare[-1] != "\u1039"
    assert bare[-1] != "\u200d"
    if "🇲" in bare:
        assert bare.count("🇲") % 2 == 0


def test_long_names_alike_are_cut_alike(tmp_path: Path) -> None:
    names = safe_names(["က" * 1000 + ".exe"] * 200)
    assert len(set(names)) == 200
    for name in names:
        (tmp_path / name).touch()
    assert all(name.endswith(").exe" + UNTRUSTED) for name in names[1:])
    assert max(len(name.encode()) for name in names) <= 255 - len(".part")


@pytest.mark.parametrize("stem", ["က" + "\u1037" * 1000, "က္" * 1000, "\u0301" * 1000])
def test_a_sign_without_end_is_cut(stem: str) -> None:
    name = safe(stem + ".jpg")
    assert name.startswith(stem[:50])
    assert name.endswith(".jpg")
    assert len(name.encode()) <= NAME_LIMIT


def test_an_extension_without_end_is_none() -> None:
    assert len(safe("a." + "b" * 10_000).encode()) <= NAME_LIMIT


# --- what a terminal is sent -----------------------------------------------------------------


@pytest.mark.parametrize("text", [*HONEST.values(), "\\x1b", "ကျွန်တော်၊ မြင်ခဲ့။", ""])
def test_honest_text_is_printed_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_every_control_is_shown() -> None:
    for code in itertools.chain(range(0x20), range(0x7F, 0xA0)):
        assert printable(f"a{chr(code)}b") == f"a\\x{code:02x}b"
    for code in (0x61C, 0x200E, 0x202E, 0x2028, 0x2029, 0x2066, 0x2069, 0xD800, 0xDFFF):
        assert printable(f"a{chr(code)}b") == f"a\\u{code:04x}b"


def test_what_is_printed_can_be_sent_and_moves_nothing() -> None:
    for start in range(0, 0x110000, 0x1000):
        text = printable("".join(map(chr, range(start, start + 0x1000))))
        text.encode("utf-8")
        assert not any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in text)


def test_lines_and_tabs_are_kept_on_request() -> None:
    assert printable("a\n\tb\r\x1b", keep="\n\t") == "a\n\tb\\x0d\\x1b"
    assert printable("a\n\tb") == "a\\x0a\\x09b"


def test_a_hundred_thousand_letters_without_a_space() -> None:
    assert printable("က" * 100_000) == "က" * 100_000


# --- the list itself -------------------------------------------------------------------------


def test_the_list_of_dangerous_types_is_in_the_form_it_is_compared_in() -> None:
    assert all(extension == extension.casefold().strip(". ") for extension in DANGEROUS)
    assert not DANGEROUS & {"jpg", "jpeg", "png", "mp4", "mov", "3gp", "mp3", "m4a", "ogg", "opus"}
    assert not DANGEROUS & {"txt", "pdf", "doc", "docx", "xlsx", "csv", "zip", "age", "heic"}
