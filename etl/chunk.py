"""The validator's workbench: rows that are decided together, column by column, while they are being decided.

Column lists rather than rows: a list a field costs a tenth of a dictionary a row, and what is done to a whole
list at once costs a tenth of what is done to a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from etl.columns import Mapping
from etl.phone import Phones
from etl.records import Fault, Normal, RowOutcome, RowStatus, SourceRows

REFUSED = "\0"
"""What a refused value stands as among normal forms: this and its code. No normal form has a NUL in it."""

NO_ID = "-"
"""What stands for the derived externalId of a row without a number, which falls for that reason alone."""

Verdict = Normal | Fault | None
"""None stands for a value that is not there."""


class Listed(NamedTuple):
    """What of a row is on a do-not-call list: in which column, and the list's name."""

    column: int
    name: str


class Chunk:
    """Rows of one chunk of the source by position in it (``at``), which is also the order of the source.

    ``normal``: field → normal form of each row, ``""`` where there is none, ``REFUSED`` and a code where it
    was refused.
    ``phones``: what the number cells of each row were read as; ``sent``: its numbers in the form in which
    they are sent; ``e164``: those that identify it. ``listed``: position → what is on a do-not-call list.
    ``noted``: position → the column of a note that says not to call, and what it says. ``outcomes``: position
    → the answer, for rows that will not be sent. ``derived``: positions whose externalId is made from the
    number.
    """

    def __init__(self, source: SourceRows, mapping: Mapping) -> None:
        self.mapping = mapping
        self.rows = range(source.first, source.first + len(source))
        self.normal: dict[str, list[str]] = {"extra": source.extras}
        self.e164: list[tuple[str, ...]] = []
        self.phones: list[Phones] = []
        self.sent: list[tuple[str, ...]] = []
        self.listed: dict[int, Listed] = {}
        self.noted: dict[int, tuple[int, Fault]] = {}
        self.outcomes: dict[int, RowOutcome] = {}
        self.derived: set[int] = set()
        self._cells = source.cells
        self._faults: dict[tuple[int, str], tuple[int, Fault]] = {}
        self._warnings: dict[int, list[str]] = {}

    def raw(self, column: int) -> list[str]:
        """The cells of a source column, as written; not to be changed."""
        return self._cells[column]

    def stripped(self, column: int) -> list[str]:
        """The cells of a source column without the blanks around them."""
        return list(map(str.strip, self.raw(column)))

    def scalar(self, field: str) -> list[str]:
        """The cells of the column that is mapped to ``field``, empty ones where none is."""
        column = self.mapping.fields.get(field)
        return [""] * len(self.rows) if column is None else self.raw(column)

    def put(self, field: str, verdicts: Iterable[Verdict], *, default: str = "") -> None:
        """Keep the normal forms of ``field``, one a row, with what was refused or warned of."""
        column = self.mapping.fields.get(field, -1)
        forms = []
        for at, verdict in enumerate(verdicts):
            if verdict is None:
                forms.append(default)
            elif isinstance(verdict, Fault):
                forms.append(self.refuse(at, field, verdict, column=column))
            else:
                forms.append(verdict.value)
                if verdict.warning:
                    self.warn(at, verdict.warning)
        self.normal[field] = forms

    def put_scalar(self, field: str, rule: Callable[[str], Verdict], *, default: str = "") -> None:
        """Bring the mapped column of ``field`` to its normal form by ``rule``; equal cells are read once."""
        cells = self.scalar(field)
        if is_blank(cells):
            self.normal[field] = [default] * len(cells)
            return
        read = {text: rule(text) if text.strip() else None for text in dict.fromkeys(cells)}
        self.put(field, map(read.__getitem__, cells), default=default)

    def refuse(self, at: int, field: str, fault: Fault, *, column: int) -> str:
        """Keep why the value of ``field`` can't be used; gives what stands in place of a normal form."""
        self._faults[at, field] = (column, fault)
        return f"{REFUSED}{fault.code}"

    def fault_of(self, at: int, field: str) -> tuple[str, Fault] | None:
        """(header as written or the field's own name, why) if the value was refused."""
        found = self._faults.get((at, field))
        return found and (self.mapping.headers.get(found[0], field), found[1])

    def accepted(self, at: int, field: str) -> str:
        """The normal form of ``field``, empty where it was refused."""
        form = self.normal[field][at]
        return "" if form.startswith(REFUSED) else form

    def warn(self, at: int, warning: str) -> None:
        """Keep a sentence for the row's ``obi_warning``."""
        if warning:
            self._warnings.setdefault(at, []).append(warning)

    def warning(self, at: int) -> str:
        """The row's warnings, joined."""
        return "; ".join(dict.fromkeys(self._warnings.get(at, ())))

    def warnings(self) -> list[str]:
        """Each row's warnings, joined; most have none."""
        joined = [""] * len(self.rows)
        for at, said in self._warnings.items():
            joined[at] = said[0] if len(said) == 1 else self.warning(at)
        return joined

    def not_sent(
        self,
        at: int,
        status: RowStatus,
        *,
        field: str,
        code: str,
        error: str,
        first_row: int | None = None,
    ) -> RowOutcome:
        """The outcome of a row that stays here, and is nothing to correct."""
        external_id = self.accepted(at, "externalId")
        return RowOutcome(
            row=self.rows[at],
            status=status,
            external_id="" if external_id == NO_ID else external_id,
            numbers=self.accepted(at, "numbers"),
            field=field,
            code=code,
            error=error,
            warning=self.warning(at),
            first_row=first_row,
        )


def is_blank(cells: Iterable[str]) -> bool:
    """Whether there is nothing in a column but blanks."""
    joined = "".join(cells)
    return not joined or joined.isspace()
