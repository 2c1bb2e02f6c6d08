"""Shares: any that are enough join, fewer do not, and what is typed wrong is said by its place."""

from __future__ import annotations

import itertools
import re

import pytest
from shamir_mnemonic import combine_mnemonics, generate_mnemonics
from shamir_mnemonic.wordlist import WORDLIST

from intake.age.opening.hybrid import HybridIdentity
from intake.errors import IntakeError, QuorumRefused, ShareRefused
from intake.offline import quorum
from intake.offline.quorum import WORDS, Gathering, Quorum, join, parse_quorum, split, words_of
from intake.secret import Secret

SEED = Secret(bytes(range(32)))
TWO_OF_THREE = Quorum(2, 3)
SHARES = split(SEED, TWO_OF_THREE)
FIRST, SECOND, THIRD = SHARES


def changed(share: str, place: int, word: str) -> str:
    """Return the share with another word at that place, counted from 1."""
    words = share.split()
    words[place - 1] = word
    return " ".join(words)


def other_word(share: str, place: int) -> str:
    here = share.split()[place - 1]
    return str(next(word for word in WORDLIST if word != here))


def swapped(share: str, place: int) -> str:
    words = share.split()
    at = next(i for i in range(place, WORDS - 1) if words[i] != words[i + 1])
    words[at], words[at + 1] = words[at + 1], words[at]
    return " ".join(words)


def stranger() -> str:
    """Return a share of a set with another number: one in 32768 has the same."""
    share = SECOND
    while share.split()[0] == FIRST.split()[0]:
        share = split(SEED, TWO_OF_THREE)[1]
    return share


def elsewhere(**changes: object) -> str:
    """Return a share that another program makes of the same seed."""
    arguments = {"extendable": True, "iteration_exponent": 0, "groups": [(2, 3)], **changes}
    groups = generate_mnemonics(1, master_secret=SEED.reveal(), **arguments)
    return str(groups[0][0])


# --- quorums ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2-of-3", Quorum(2, 3)),
        ("2-of-2", Quorum(2, 2)),
        ("16-of-16", Quorum(16, 16)),
        ("03-of-05", Quorum(3, 5)),
    ],
)
def test_a_quorum_is_how_many_of_how_many(text: str, expected: Quorum) -> None:
    assert parse_quorum(text) == expected
    assert parse_quorum(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "2-of-3"),
        ("2", "2-of-3"),
        ("2/3", "2-of-3"),
        ("2-of-3 ", "2-of-3"),
        ("-2-of-3", "2-of-3"),
        ("၂-of-၃", "2-of-3"),
        ("two-of-three", "2-of-3"),
        ("100-of-200", "2-of-3"),
        ("1-of-3", "each holder opens everything alone"),
        ("1-of-1", "each holder opens everything alone"),
        ("0-of-3", "each holder opens everything alone"),
        ("4-of-3", "no more than there are"),
        ("2-of-17", "at most 16 holders"),
    ],
)
def test_no_other_quorum_is_taken(text: str, sentence: str) -> None:
    with pytest.raises(QuorumRefused, match=re.escape(sentence)):
        parse_quorum(text)


# --- splitting and joining -------------------------------------------------------------------


def test_any_two_of_three_join_and_one_does_not() -> None:
    assert len(set(SHARES)) == 3
    for pair in itertools.permutations(SHARES, 2):
        assert join(pair) == SEED
    assert join(SHARES) == SEED
    for share in SHARES:
        with pytest.raises(ShareRefused, match="1 more share is needed"):
            join([share])


@pytest.mark.parametrize(("needed", "holders"), [(2, 2), (3, 5), (5, 5), (2, 16), (16, 16)])
def test_so_many_of_so_many_join(needed: int, holders: int) -> None:
    seed = HybridIdentity.generate().seed
    shares = split(seed, Quorum(needed, holders))
    assert len(set(shares)) == holders
    assert join(shares[-needed:]) == seed
    assert join(reversed(shares[:needed])) == seed
    with pytest.raises(ShareRefused, match="needed"):
        join(shares[1:needed])


def test_a_share_is_33_words_of_the_list_and_never_the_same_twice() -> None:
    for share in SHARES:
        assert len(share.split()) == WORDS == 33
        assert set(share.split()) <= set(WORDLIST)
    assert not set(split(SEED, TWO_OF_THREE)) & set(SHARES)


def test_any_program_for_slip_39_joins_them_with_an_empty_passphrase() -> None:
    assert combine_mnemonics([FIRST, THIRD]) == SEED.reveal()


def test_shares_that_would_not_join_are_never_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quorum, "generate_mnemonics", lambda **_: [list(SHARES)])
    with pytest.raises(ShareRefused, match="do not join again"):
        split(Secret(bytes(32)), TWO_OF_THREE)


# --- typing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        FIRST.upper(),
        f"  {FIRST} \t",
        FIRST.replace(" ", "\t  "),
        FIRST.title() + "\n",
        " ".join(word[:4] for word in FIRST.split()),
        " ".join(word[:4].upper() for word in FIRST.split()),
        " ".join(word[: 4 + at % 3] for at, word in enumerate(FIRST.split())),
    ],
)
def test_case_space_and_the_ends_of_words_do_not_matter(typed: str) -> None:
    assert " ".join(words_of(typed)) == FIRST
    assert join([typed, THIRD]) == SEED


def test_four_letters_are_one_word() -> None:
    assert len({word[:4] for word in WORDLIST}) == len(WORDLIST) == 1024


def test_how_many_are_missing() -> None:
    gathering = Gathering()
    assert (gathering.given, gathering.missing) == (0, None)
    shares = split(SEED, Quorum(3, 4))
    for given, missing in ((1, 2), (2, 1), (3, 0), (4, 0)):
        gathering.add(shares[given - 1])
        assert (gathering.given, gathering.missing) == (given, missing)
    assert gathering.join() == SEED


REFUSED = {
    "nothing": ("", "33 words and 0 were typed"),
    "one word too few": (SECOND.rsplit(maxsplit=1)[0], "33 words and 32 were typed"),
    "one word too many": (SECOND + " academic", "33 words and 34 were typed"),
    "two shares at once": (f"{SECOND} {THIRD}", "33 words and 66 were typed"),
    "a word of no list": (changed(SECOND, 7, "zzzz"), "Word 7 is not in the list"),
    "three letters": (changed(SECOND, 33, SECOND.split()[-1][:3]), "Word 33 is not in the list"),
    "letters too many": (changed(SECOND, 1, SECOND.split()[0] + "s"), "Word 1 is not in the list"),
    "a word's beginning and another's end": (changed(SECOND, 2, "acadx"), "Word 2 is not"),
    "Burmese": (changed(SECOND, 5, "စကားလုံး"), "Word 5 is not in the list"),
    "a number": (changed(SECOND, 12, "12."), "Word 12 is not in the list"),
    "half a surrogate pair": ("\ud800", "Word 1 is not in the list"),
    "a mistyped word": (changed(SECOND, 20, other_word(SECOND, 20)), "checksum does not fit"),
    "a mistyped word of its beginning": (
        changed(SECOND, 1, other_word(SECOND, 1)),
        "checksum does not fit",
    ),
    "two words swapped": (swapped(SECOND, 10), "checksum does not fit"),
    "a share of another set": (stranger(), "of another set"),
    "a share of another quorum": (split(SEED, Quorum(3, 3))[1], "of another set"),
    "the same share": (FIRST, "given before"),
    "the same share in capitals": (FIRST.upper(), "given before"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_further_share_is_refused_and_changes_nothing(case: str) -> None:
    typed, sentence = REFUSED[case]
    gathering = Gathering()
    gathering.add(FIRST)
    with pytest.raises(ShareRefused, match=re.escape(sentence)) as refused:
        gathering.add(typed)
    says_no_word(refused.value)
    assert not {"zzzz", "acadx", "စကားလုံး"} & set(re.findall(r"\w+", str(refused.value)))
    assert gathering.missing == 1
    gathering.add(SECOND)
    assert gathering.join() == SEED


@pytest.mark.parametrize(
    "share",
    [
        elsewhere(iteration_exponent=1),
        elsewhere(extendable=False),
        elsewhere(groups=[(1, 1)]),
        elsewhere(groups=[(2, 3), (2, 3)]),
    ],
    ids=["slow", "not extendable", "one alone", "two groups"],
)
def test_shares_of_another_make_are_refused(share: str) -> None:
    with pytest.raises(ShareRefused, match="not made by 'intake-keys ceremony'") as refused:
        Gathering().add(share)
    says_no_word(refused.value)


def test_no_share_at_all_joins_to_nothing() -> None:
    with pytest.raises(ShareRefused, match="No share was given"):
        Gathering().join()


def test_two_sets_of_one_number_do_not_join(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of a set has 15 bits: two ceremonies in 32768 draw the same."""
    monkeypatch.setattr("shamir_mnemonic.shamir._random_identifier", lambda: 5)
    one, other = split(SEED, TWO_OF_THREE), split(SEED, TWO_OF_THREE)
    with pytest.raises(ShareRefused, match="do not fit together") as refused:
        join([one[0], other[1]])
    says_no_word(refused.value)


def says_no_word(error: IntakeError) -> None:
    """Look for three words of a share in a row in all that a traceback could print."""
    shown = " ".join(re.findall(r"[a-z]+", f"{error} {error.args} {error.__cause__}".lower()))
    for share in SHARES:
        words = share.split()
        for at in range(WORDS - 2):
            assert " ".join(words[at : at + 3]) not in shown
    assert error.__suppress_context__ or error.__context__ is None
    assert error.__cause__ is None
