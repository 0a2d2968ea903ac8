"""Whether *all* numbers of a block match a pattern of digits, or none: without trying them one by one.

Floor 1, beneath ``etl.blocks``. The patterns are libphonenumber's own regular expressions: digits, classes
of digits, groups, alternatives and counted repetitions, which are all that its metadata has. Each becomes an
automaton whose states are what is left of the pattern (partial derivatives: Antimirov, 1996), made only as
far as numbers lead into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_ALL = (1 << 10) - 1
_END = "$"
_UNKNOWN = -1

Item = int | tuple[tuple["Item", ...], ...]
"""One digit, as the set of those that fit (bit 3 for the digit 3); or alternatives, each of them items."""
Items = tuple[Item, ...]


class Undecided(Exception):  # noqa: N818  -- no error: the question was too large
    """The numbers of a block differ in what was asked, or may do so: ask of a smaller block."""


class Block(NamedTuple):
    """All numbers that begin with the digits ``known`` and have ``free`` more, whatever these are."""

    known: str
    free: int

    @property
    def length(self) -> int:
        """The number of digits."""
        return len(self.known) + self.free

    def after(self, count: int) -> Block:
        """Give what is left without the first ``count`` digits. Raises Undecided if they are not known."""
        if count > len(self.known):
            raise Undecided
        return Block(self.known[count:], self.free)

    def starts_with(self, digits: str) -> bool:
        """Whether the numbers begin with these digits. Raises Undecided if only some may."""
        if self.free and len(self.known) < len(digits) and digits.startswith(self.known):
            raise Undecided
        return self.known.startswith(digits)

    def sample(self) -> str:
        """Give one number of the block."""
        return self.known + "0" * self.free


class DigitPattern:
    """A pattern of digits that a number matches as a whole, or ``begins`` with.

    Raises Undecided for a pattern that has more than digits and what is said of them above.
    """

    def __init__(self, pattern: str, *, begins: bool = False) -> None:
        choices = parsed_pattern(pattern)
        self._begins = begins
        self._numbers: dict[frozenset[Items], int] = {}
        self._rests: list[frozenset[Items]] = []
        self._next: list[list[int]] = []
        self._answers: dict[tuple[int, int], bool | None] = {}
        self._dead = self._number(frozenset())
        self._start = self._number(frozenset(choices))

    def matches(self, block: Block) -> bool:
        """Whether every number of the block matches. Raises Undecided if some do and some do not."""
        answer = self._answer(self._after(block.known), block.free)
        if answer is None:
            raise Undecided
        return answer

    def excludes(self, known: str) -> bool:
        """Whether nothing that begins with these digits matches, however long it is."""
        return self._after(known) == self._dead

    def _after(self, digits: str) -> int:
        state = self._start
        for digit in digits.encode():
            state = self._step(state, digit - 48)
        return state

    def _step(self, state: int, digit: int) -> int:
        found = self._next[state][digit]
        if found == _UNKNOWN:
            found = self._next[state][digit] = self._number(
                frozenset(rest for mask, rest in self._heads(state) if mask >> digit & 1)
            )
        return found

    def _heads(self, state: int) -> Iterator[tuple[int, Items]]:
        for items in self._rests[state]:
            if self._begins and _may_end(items):
                yield _ALL, ()
            yield from _heads(items)

    def _number(self, rests: frozenset[Items]) -> int:
        if self._begins and () in rests:
            rests = frozenset({()})
        number = self._numbers.get(rests)
        if number is None:
            number = self._numbers[rests] = len(self._rests)
            self._rests.append(rests)
            self._next.append([_UNKNOWN] * 10)
        return number

    def _answer(self, state: int, free: int) -> bool | None:
        """True if all that is ``free`` digits longer matches, False if nothing does, None if some do."""
        if state == self._dead:
            return False
        key = (state, free)
        if key not in self._answers:
            if free:
                answers = {self._answer(self._step(state, digit), free - 1) for digit in range(10)}
                self._answers[key] = answers.pop() if len(answers) == 1 else None
            else:
                self._answers[key] = any(map(_may_end, self._rests[state]))
        return self._answers[key]


class Prefix:
    """What libphonenumber strips from the front of a number, as one of its patterns says."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)
        self._any = DigitPattern(pattern, begins=True)
        self._widths = [
            (*_width(tuple(item for item in items if item != _END_ITEM)), _END_ITEM in items)
            for items in parsed_pattern(pattern, ends=True)
        ]

    def match(self, block: Block) -> re.Match[str] | None:
        """Give how the pattern matches the front of one number of the block, and so of all of them.

        Raises Undecided where that hangs on a digit that is not known.
        """
        if self._any.excludes(block.known):
            return None
        for shortest, longest, ends in self._widths:
            if block.free and (shortest <= block.length <= longest if ends else longest > len(block.known)):
                raise Undecided
        return self._pattern.match(block.sample())


@lru_cache(maxsize=4096)
def whole(pattern: str) -> DigitPattern:
    """The pattern that whole numbers match."""
    return DigitPattern(pattern)


@lru_cache(maxsize=4096)
def beginning(pattern: str) -> DigitPattern:
    """The pattern that numbers begin with."""
    return DigitPattern(pattern, begins=True)


@lru_cache(maxsize=1024)
def prefix(pattern: str) -> Prefix:
    """What is stripped."""
    return Prefix(pattern)


# --- an automaton's states ------------------------------------------------------------------------------


def _heads(items: Items) -> Iterator[tuple[int, Items]]:
    """Give each set of digits that may come first, and what is left of the items after it."""
    if not items:
        return
    first, *rest = items
    if isinstance(first, int):
        yield first, tuple(rest)
        return
    for choice in first:
        yield from _heads((*choice, *rest))


def _may_end(items: Items) -> bool:
    return all(not isinstance(item, int) and any(map(_may_end, item)) for item in items)


def _width(items: Items) -> tuple[int, int]:
    """The fewest and the most digits that match."""
    shortest = longest = 0
    for item in items:
        widths = [(1, 1)] if isinstance(item, int) else [_width(choice) for choice in item]
        shortest += min(least for least, _ in widths)
        longest += max(most for _, most in widths)
    return shortest, longest


# --- reading a pattern ----------------------------------------------------------------------------------

_TOKEN = re.compile(r"\\d|\[[0-9-]+\]|\(\?:|[()|?$]|\{[0-9]+(?:,[0-9]+)?\}|[0-9]")
_END_ITEM = 0
"""The end of the number stands among items as a set of no digits."""


def parsed_pattern(pattern: str, *, ends: bool = False) -> tuple[Items, ...]:
    """Give the alternatives of a pattern.

    ``$`` at the end of one stands there as a set of no digits if ``ends``, else it is left out. Raises
    Undecided for what is not understood.
    """
    tokens = _TOKEN.findall(pattern)
    if "".join(tokens) != pattern:
        raise Undecided
    tokens.reverse()
    choices = _choices(tokens, ends=ends)
    if tokens:
        raise Undecided
    return choices


def _choices(tokens: list[str], *, ends: bool) -> tuple[Items, ...]:
    choices: list[list[Item]] = [[]]
    while tokens and tokens[-1] != ")":
        token = tokens.pop()
        items = choices[-1]
        if token == "|":  # noqa: S105  -- no secret
            choices.append([])
        elif token == _END:
            if tokens and tokens[-1] != "|":
                raise Undecided
            items += [_END_ITEM] if ends else []
        elif token in {"(", "(?:"}:
            items.append(_choices(tokens, ends=ends))
            if not tokens:
                raise Undecided
            tokens.pop()
        elif token[0] in "?{":
            items[-1:] = _repeated(items[-1], token)
        else:
            items.append(_digits(token))
    return tuple(map(tuple, choices))


def _repeated(item: Item, token: str) -> Items:
    least, _, most = token.strip("{}").partition(",") if token != "?" else ("0", "", "1")  # noqa: S105  -- no secret
    optional: Items = ()
    for _ in range(int(most or least) - int(least)):
        optional = (((), (item, *optional)),)
    return (item,) * int(least) + optional


def _digits(token: str) -> int:
    if token == r"\d":  # noqa: S105  -- no secret
        return _ALL
    mask = 0
    for first, last in re.findall(r"([0-9])(?:-([0-9]))?", token):
        for digit in range(int(first), int(last or first) + 1):
            mask |= 1 << digit
    return mask
