from __future__ import annotations

import pytest

from intake.errors import CodeMalformed
from intake.receipt.code import DIGITS, RANDOM_DIGITS, Code, check_digit
from tests.support.randomness import seeded

SAMPLES = [
    "0" * 27,
    "9" * 27,
    "012345678901234567890123456",
    "314159265358979323846264338",
    *(Code.generate(seeded(seed).randrange).reveal()[:-1] for seed in range(20)),
]
CODE = Code("314159265358979323846264338" + check_digit("314159265358979323846264338"))
SCRIPTS = {
    "Burmese": "၀၁၂၃၄၅၆၇၈၉",
    "Shan": "႐႑႒႓႔႕႖႗႘႙",
    "Tai Laing": "꧰꧱꧲꧳꧴꧵꧶꧷꧸꧹",
    "Thai": "๐๑๒๓๔๕๖๗๘๙",
    "full-width": "０１２３４５６７８９",
    "Devanagari": "०१२३४५६७८९",
    "Arabic-Indic": "٠١٢٣٤٥٦٧٨٩",
    "Chakma": "𑄶𑄷𑄸𑄹𑄺𑄻𑄼𑄽𑄾𑄿",
    "ASCII": "0123456789",
}


def test_damms_own_example() -> None:
    assert check_digit("572") == "4"


def test_a_generated_code_has_27_random_digits_and_the_check_digit() -> None:
    asked: list[int] = []

    def randbelow(bound: int) -> int:
        asked.append(bound)
        return len(asked) % 10

    code = Code.generate(randbelow).reveal()
    assert asked == [10] * RANDOM_DIGITS
    assert code[:-1] == "123456789012345678901234567"
    assert code[-1] == check_digit(code[:-1])
    assert len(code) == DIGITS == 28


def test_generated_codes_differ_and_use_every_digit() -> None:
    codes = {Code.generate().reveal() for _ in range(200)}
    assert len(codes) == 200
    assert {code[0] for code in codes} == {code[-1] for code in codes} == set("0123456789")


@pytest.mark.parametrize("digits", SAMPLES)
def test_every_single_mistyped_digit_is_caught(digits: str) -> None:
    code = digits + check_digit(digits)
    for place, right in enumerate(code):
        for wrong in "0123456789".replace(right, ""):
            with pytest.raises(CodeMalformed):
                Code(code[:place] + wrong + code[place + 1 :])


@pytest.mark.parametrize("digits", SAMPLES)
def test_every_swap_of_two_neighbours_is_caught(digits: str) -> None:
    code = digits + check_digit(digits)
    for place in range(DIGITS - 1):
        one, two = code[place], code[place + 1]
        if one != two:
            with pytest.raises(CodeMalformed):
                Code(code[:place] + two + one + code[place + 2 :])


@pytest.mark.parametrize("script", SCRIPTS)
def test_digits_of_every_script_are_read(script: str) -> None:
    typed = CODE.reveal().translate(str.maketrans("0123456789", SCRIPTS[script]))
    assert Code.parse(typed).reveal() == CODE.reveal()


def test_digits_of_several_scripts_may_be_mixed() -> None:
    scripts = list(SCRIPTS.values())
    typed = "".join(
        scripts[place % len(scripts)][int(digit)] for place, digit in enumerate(CODE.reveal())
    )
    assert Code.parse(typed).reveal() == CODE.reveal()


@pytest.mark.parametrize(
    "separator",
    ["", " ", "-", "  ", "\t", "\n", "\r\n", "\u2009", "\xa0", ".", "/", "၊", "။", "\u200b"],
)
def test_any_separators_or_none(separator: str) -> None:
    typed = separator + separator.join(CODE.groups()) + separator
    assert Code.parse(typed).reveal() == CODE.reveal()


def test_wa_is_read_as_zero_and_ra_as_seven() -> None:
    code = Code("070707070707070707070707070" + check_digit("070707070707070707070707070"))
    assert Code.parse(code.reveal().replace("0", "ဝ").replace("7", "ရ")).reveal() == code.reveal()


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "hello",
        CODE.reveal()[:-1],
        CODE.reveal() + "0",
        CODE.reveal() * 2,
        CODE.reveal() + "x",
        "က" + CODE.reveal(),
        CODE.reveal().replace("3", "၃", 1).replace("1", "l", 1),
        CODE.reveal().replace("0", "O") + "O",
        CODE.reveal()[:-1] + "²",
        CODE.reveal()[:-1] + "④",
        CODE.reveal()[:-1] + "四",
        "0" * 100_000,
    ],
)
def test_what_is_no_code(text: str) -> None:
    with pytest.raises(CodeMalformed) as refused:
        Code.parse(text)
    assert not any(character.isdigit() for character in str(refused.value).replace("28", ""))


@pytest.mark.parametrize(
    "digits", ["", "0" * 27, "၀" * 28, "²" * 28, "-" + "0" * 27, "0" * 27 + "\n"]
)
def test_only_ascii_digits_make_a_code(digits: str) -> None:
    with pytest.raises(CodeMalformed):
        Code(digits)


def test_seven_groups_of_four() -> None:
    assert len(CODE.groups()) == 7
    assert {len(group) for group in CODE.groups()} == {4}
    assert "".join(CODE.groups()) == CODE.reveal()


def test_the_digits_are_not_printed() -> None:
    for text in (repr(CODE), str(CODE), f"{CODE}", repr(CODE.secret())):
        assert not any(character.isdigit() for character in text)
