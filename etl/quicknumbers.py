"""What ``etl.numbering`` makes of a whole block of numbers at once, where that is a number or plainly none.

Floor 1, beneath ``etl.quickphones``. Only what is certain for all numbers of a block is told: what is
warned of, weighed, or refused for what it is, is for ``etl.numbering`` itself, whose order of questions this
is.
"""

from __future__ import annotations

from typing import NamedTuple

from phonenumbers import PhoneNumber, PhoneNumberType

from etl import blocks
from etl.blocks import Numbers
from etl.digitpatterns import Block, Undecided
from etl.numbering import NOT_CALLED, OPEN, OWN_ZEROS, PhoneRules, what_is_wrong
from etl.plans import plan_of

_LONGEST_SHORT = 6


class Beginning(NamedTuple):
    """What numbers of a block begin with, in E.164 and as they are sent; the rest is as it was written."""

    e164: str
    sent: str


class Refusal(NamedTuple):
    """Why digits of a block are no numbers: the code of the fault, and its sentence after the quoted text."""

    code: str
    what: str


class BlockReader:
    """Reads blocks of digits, with or without a plus before them, in one region and by one set of rules.

    ``region`` is the row's own, ``""`` where none is known.
    """

    def __init__(self, rules: PhoneRules, region: str) -> None:
        self._rules = rules
        self._plan = plan_of(region)
        self._home = plan_of(rules.region) or self._plan

    def read(self, written: Block, *, zero_at: int = -1) -> Beginning | Refusal | None:
        """Give what all numbers of the block begin with, or why none is one.

        None where the careful way must be taken.

        ``zero_at`` is the place of a 0 in brackets, which is for callers at home: ``+44 (0)20``. Raises
        Undecided where more digits must be known.
        """
        if zero_at < 0:
            return self._read(written)
        known = written.known
        if zero_at >= len(known):
            raise Undecided
        if known[0] != "+" or known[zero_at] != "0":
            return None
        without = self._read(Block(known[:zero_at] + known[zero_at + 1 :], written.free))
        return without if isinstance(without, Beginning) and self._read(written) == without else None

    def _read(self, written: Block) -> Beginning | Refusal | None:
        if written.length <= _LONGEST_SHORT or not self._is_one_thing(written):
            return None
        numbers = self._numbers(written)
        kind = None if numbers is None else self._kind(numbers)
        if numbers is None or kind is None:
            return self._refused(numbers, written)
        if self._is_doubtful(numbers, written, kind=kind):
            return None
        if kind in NOT_CALLED and not (kind == PhoneNumberType.PREMIUM_RATE and self._rules.premium):
            return None
        if blocks.has_placeholder(numbers.national):
            return None
        return self._in_form(numbers, written)

    def _is_one_thing(self, written: Block) -> bool:
        """Whether the digits are international for certain, or national for certain."""
        plan = self._plan
        if written.known[0] == "+":
            return True
        if plan is None:
            return False
        if written.starts_with("00"):
            return plan.international == "00"
        if written.starts_with(plan.digits):
            return plan.trunk == plan.digits
        numbers = self._numbers(written)
        return numbers is None or numbers.code == plan.code

    def _numbers(self, written: Block) -> Numbers | None:
        if written.known[0] == "+" or self._plan is None:
            return blocks.abroad(written.after(1))
        return blocks.at_home(written, self._plan.region)

    def _refused(self, numbers: Numbers | None, written: Block) -> Refusal | None:
        """Say why the digits are no number, where no other reading of them is asked for."""
        plan = self._plan
        international = written.known[0] == "+"
        digits = written.after(1) if international else written
        mexican = written.starts_with("+521") or (plan is not None and plan.region == "MX")
        if mexican or blocks.has_placeholder(digits) or (international and digits.starts_with("00")):
            return None
        if written.known[0] not in "+0" and self._may_lack_something(written):
            return None
        sample = numbers and PhoneNumber(numbers.code, int("1" * numbers.national.length))
        where = "" if international or plan is None else f" in {plan.region}"
        return Refusal("phone.invalid", what_is_wrong(sample) + where)

    def _may_lack_something(self, written: Block) -> bool:
        """Whether digits that are no number are one with a 0 or a plus before them."""
        with_zero = self._numbers(Block("0" + written.known, written.free))
        with_plus = blocks.abroad(written)
        return any(each is not None and self._kind(each) is not None for each in (with_zero, with_plus))

    def _kind(self, numbers: Numbers) -> int | None:
        """Give the type of numbers that pass the rules' ``accept``, else None."""
        kind = blocks.kind(numbers)
        if kind != PhoneNumberType.UNKNOWN:
            return kind
        if self._rules.accept != "possible" or not blocks.is_possible(numbers):
            return None
        plan = plan_of(blocks.main_region(numbers))
        return kind if plan is None or plan.trunk != "0" or not numbers.national.starts_with("0") else None

    def _is_doubtful(self, numbers: Numbers, written: Block, *, kind: int) -> bool:
        """Whether the digits may be another number too, or lack a 0."""
        plan = self._plan
        if plan is None or written.known[0] in "+0":
            return False
        if (
            plan.trunk == "0"
            and blocks.national_prefix(numbers) + numbers.national.known == "0" + written.known
        ):
            return True
        if len(plan.lengths(kind)) >= OPEN or kind == PhoneNumberType.VOICEMAIL:
            other = blocks.abroad(written)
            return other is not None and self._kind(other) is not None and other != numbers
        if plan.region not in OWN_ZEROS:
            return False
        other = blocks.at_home(Block("0" + written.known, written.free), plan.region)
        if other is None or other == numbers:
            return False
        other_kind = self._kind(other)
        short = kind == PhoneNumberType.MOBILE and written.length < max(plan.mobile)
        return other_kind is not None and (short or other_kind == kind)

    def _in_form(self, numbers: Numbers, written: Block) -> Beginning | None:
        e164 = numbers.e164
        match self._rules.format:
            case "digits":
                return Beginning(e164, e164[1:])
            case "as-written":
                return Beginning(e164, e164 if written.known[0] == "+" else written.known)
            case "national":
                if self._home is None or self._home.code != numbers.code:
                    return None
                return Beginning(e164, blocks.national_prefix(numbers) + numbers.national.known)
        return Beginning(e164, e164)
