"""An epoch's seed as word shares, so many of which join it again (SLIP-39, one group).

Nothing here prints, logs or quotes a word of a share: an error names a word by its place alone.
Fewer shares than are needed say nothing of the seed. The library is the specification's reference
and is not hardened; why that is borne here stands in docs/decisions/0008-quorum.md.

https://github.com/satoshilabs/slips/blob/master/slip-0039.md
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from shamir_mnemonic import MnemonicError, Share, generate_mnemonics, recover_ems
from shamir_mnemonic.constants import MAX_SHARE_COUNT
from shamir_mnemonic.shamir import ShareGroup
from shamir_mnemonic.wordlist import WORDLIST

from intake.errors import QuorumRefused, ShareRefused
from intake.secret import Secret

#: How many words a share has: seven of SLIP-39's own around the 26 that hold 32 bytes.
WORDS = 33

#: Of how many letters the beginning of a word is no other word's (SLIP-39, "Wordlist").
_LETTERS = 4

_LEAST_NEEDED = 2

#: SLIP-39 can slow down the guessing of a passphrase. There is none, so there is nothing to slow.
_ITERATION_EXPONENT = 0
_NO_PASSPHRASE = b""

_QUORUM = re.compile(r"([0-9]{1,2})-of-([0-9]{1,2})")
_WORD_BY_LETTERS: dict[str, str] = {word[:_LETTERS]: word for word in WORDLIST}


@dataclass(frozen=True)
class Quorum:
    """How many of how many holders are needed.

    Raises:
        QuorumRefused: one alone would be enough, or the numbers do not fit.
    """

    needed: int
    holders: int

    def __post_init__(self) -> None:
        if self.needed < _LEAST_NEEDED:
            raise QuorumRefused(
                "With a quorum of one, each holder opens everything alone; write 2-of-3, or let "
                "each bring a key of their own: 'intake-review keys new'."
            )
        if not self.needed <= self.holders <= MAX_SHARE_COUNT:
            raise QuorumRefused(
                f"A quorum is of at most {MAX_SHARE_COUNT} holders, and needs no more than there "
                "are; write 2-of-3."
            )

    def __str__(self) -> str:
        return f"{self.needed}-of-{self.holders}"


def parse_quorum(text: str) -> Quorum:
    """Read ``2-of-3``.

    Raises:
        QuorumRefused: it is no quorum, or none that protects anything.
    """
    match = _QUORUM.fullmatch(text)
    if match is None:
        raise QuorumRefused("A quorum is written as how many of how many: 2-of-3.")
    return Quorum(int(match[1]), int(match[2]))


def split(seed: Secret, quorum: Quorum) -> tuple[str, ...]:
    """Return one share for each holder: ``WORDS`` words with spaces between."""
    ((*shares,),) = generate_mnemonics(
        group_threshold=1,
        groups=[(quorum.needed, quorum.holders)],
        master_secret=seed.reveal(),
        passphrase=_NO_PASSPHRASE,
        extendable=True,
        iteration_exponent=_ITERATION_EXPONENT,
    )
    _check_each_joins(shares, quorum, seed)
    return tuple(shares)


def _check_each_joins(shares: list[str], quorum: Quorum, seed: Secret) -> None:
    """Join each share with its neighbours: what is sealed to a seed nobody can join is lost."""
    around = shares * 2
    for first in range(quorum.holders):
        if join(around[first : first + quorum.needed]) != seed:
            raise ShareRefused("The shares do not join again; nothing was kept, run it again.")


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a share as the list spells them; their first four letters are enough.

    Raises:
        ShareRefused: a word is not in the list, or there are not ``WORDS`` of them.
    """
    words = []
    for place, typed in enumerate(text.lower().split(), 1):
        word = _WORD_BY_LETTERS.get(typed[:_LETTERS])
        if word is None or not word.startswith(typed):
            raise ShareRefused(
                f"Word {place} is not in the list of words; look at it on the paper again."
            )
        words.append(word)
    if len(words) != WORDS:
        raise ShareRefused(
            f"A share has {WORDS} words and {len(words)} were typed; type all of them, in order, "
            "on one line."
        )
    return tuple(words)


class Gathering:
    """The shares of one set, taken one at a time until there are enough."""

    def __init__(self) -> None:
        self._shares: list[Share] = []

    @property
    def given(self) -> int:
        """How many have been taken."""
        return len(self._shares)

    @property
    def missing(self) -> int | None:
        """How many more are needed; ``None`` before the first, which says it."""
        if not self._shares:
            return None
        needed: int = self._shares[0].member_threshold
        return max(0, needed - self.given)

    def add(self, text: str) -> None:
        """Take one more share.

        Raises:
            ShareRefused: it is none, or of another set, or was given before.
        """
        share = _read(text)
        if any(share.group_parameters() != other.group_parameters() for other in self._shares):
            raise ShareRefused(
                "This share is of another set than those before it; bring the paper of the same "
                "ceremony, or begin again."
            )
        if any(share.index == other.index for other in self._shares):
            raise ShareRefused("This share was given before; let another holder give theirs.")
        self._shares.append(share)

    def join(self) -> Secret:
        """Return the seed.

        Raises:
            ShareRefused: they are too few, or do not fit together.
        """
        if self.missing is None:
            raise ShareRefused("No share was given; let the holders give theirs, one a line.")
        if self.missing:
            more = "1 more share is" if self.missing == 1 else f"{self.missing} more shares are"
            raise ShareRefused(f"{more} needed; let further holders give theirs.")
        group = ShareGroup()
        for share in self._shares[: self._shares[0].member_threshold]:
            group.add(share)
        try:
            return Secret(recover_ems({0: group}).decrypt(_NO_PASSPHRASE))
        except MnemonicError:
            # Two ceremonies can draw the same 15 bits of set id. Four bytes of digest tell.
            raise ShareRefused(
                "The shares do not fit together: one is of another ceremony; begin again."
            ) from None


def join(shares: Iterable[str]) -> Secret:
    """Return the seed that these shares join to.

    Raises:
        ShareRefused: one is none, or they do not join.
    """
    gathering = Gathering()
    for share in shares:
        gathering.add(share)
    return gathering.join()


def _read(text: str) -> Share:
    words = words_of(text)
    try:
        share = Share.from_mnemonic(" ".join(words))
    except MnemonicError:
        # Not what the library says: it quotes words.
        raise ShareRefused(
            "A word is mistyped, or two have changed places: the share's checksum does not fit. "
            "Compare it with the paper, word by word."
        ) from None
    # Nothing else is ours, and a high exponent would keep the machine busy for hours.
    form = (share.extendable, share.iteration_exponent, share.group_count)
    if form != (True, _ITERATION_EXPONENT, 1) or share.member_threshold < _LEAST_NEEDED:
        raise ShareRefused(
            "This share was not made by 'intake-keys ceremony'; bring the paper of a ceremony."
        )
    return share
