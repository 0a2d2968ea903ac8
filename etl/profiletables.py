"""The tables of a mapping profile: their keys, what each may be, and what is said of one that may not.

Whatever is wrong with a value is told with its key and what would be right (``etl.profile.read_profile``).
The docstrings of the keys are what editors show (``etl.schemas``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from etl.patterns import matcher


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _are_names(value: tuple[str, ...]) -> tuple[str, ...]:
    if not all(name.strip() for name in value):
        raise ValueError("has an empty name in it; leave the key out where there is no column")
    return value


Texts = Annotated[tuple[str, ...], BeforeValidator(_as_tuple, json_schema_input_type=str | tuple[str, ...])]
Names = Annotated[Texts, AfterValidator(_are_names)]


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _is_a_limit(value: str) -> str:
    if value and not re.fullmatch(r"\d+(\.\d+)?%?", value):
        raise ValueError('must be a number of rows or a share such as "2%"')
    return value


Limit = Annotated[
    str, AfterValidator(_is_a_limit), BeforeValidator(_as_text, json_schema_input_type=str | int | float)
]


def _is_a_region(value: str) -> str:
    if value and value not in SUPPORTED_REGIONS:
        raise ValueError("must be a country code of two letters, such as GB, DE or US")
    return value


Region = Annotated[str, Field(pattern=r"^([A-Z]{2})?$"), AfterValidator(_is_a_region)]


_MOST = 2**31 - 1
"""The most that a whole number may be."""


class Part(BaseModel):
    """A part of a profile: frozen, and without keys that nobody knows."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True
    )


class SourceRules(Part):
    """``[source]``: what the survey would otherwise detect."""

    encoding: str = ""
    """Encoding of a text file, such as ``windows-1252``; found out where it is not given."""
    delimiter: str = ""
    """One character, or ``tab``; found out where it is not given."""
    sheet: str = ""
    """Which sheet of a workbook; needed where several hold data."""
    header_row: int | None = Field(None, ge=1)
    """The line of the file, or the row of the sheet, that names the columns, counted from 1."""
    date_order: Literal["", "dmy", "mdy", "ymd"] = ""
    """The order in dates that are not ISO 8601; without it ``03/04/2027`` is refused."""
    date_formats: Texts = ()
    """Other forms of dates, as Python's strptime has them: ``%d.%m.%Y %H:%M``."""
    timezone: str = ""
    """The IANA zone of times that name none, where the row's ``timeZone`` names none either."""
    hidden: Literal["refuse", "include", "exclude"] = "refuse"
    """What to do with hidden rows and columns of a workbook."""

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        return _zone(value)


class ColumnRules(Part):
    """``[columns]``: customer field = source column, or several in priority order.

    ``do_not_call`` (a yes suppresses) and ``callable`` (a no does) are recognised unless they are named: an
    empty list says that no column is one. ``not_fields`` are columns that have the name of a customer field
    and are none.
    """

    external_id: Names = Field((), alias="externalId")
    """The lead's id in your system; each one is taken only once."""
    numbers: Names = ()
    """A column with all numbers of a lead, ``;`` between them; if it is there, ``phones`` is not read."""
    phones: Names = ()
    """Columns of numbers, the one to be dialled first in front."""
    date: Names = ()
    """Not to be called before this date and time."""
    agent_id: Names = Field((), alias="agentId")
    """The agent who is to call: 32 hexadecimal digits, with dashes or without."""
    dialing_mode: Names = Field((), alias="dialingMode")
    """``PREVIEW`` or ``PREDICTIVE``, in any case."""
    preview_time: Names = Field((), alias="previewTime")
    """A whole number."""
    priority: Names = ()
    """A whole number."""
    time_zone: Names = Field((), alias="timeZone")
    """The lead's IANA time zone, such as ``Europe/London``."""
    do_not_call: Names | None = None
    """Columns that say yes for people who must not be called; an empty list says that no column is one."""
    callable: Names | None = None
    """Columns that say no for people who must not be called; an empty list says that no column is one."""
    not_fields: Names = ()
    """Columns that have the name of a customer field and are none: they become attributes."""


class Defaults(Part):
    """``[defaults]``: sent where the row has no value."""

    priority: int | None = Field(None, ge=0, le=_MOST)
    """A whole number."""
    preview_time: int | None = Field(None, alias="previewTime", ge=0, le=_MOST)
    """A whole number."""
    dialing_mode: Literal["", "PREVIEW", "PREDICTIVE"] = Field("", alias="dialingMode")
    """The customer's dialing mode."""
    time_zone: str = Field("", alias="timeZone")
    """An IANA name, or ``infer``: from the number, where it has exactly one zone."""

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        return value if value == "infer" else _zone(value)


class AttributeRule(Part):
    """``[attributes.rules."Column"]``: becomes pandera checks; a row that breaks one is invalid.

    It holds for a column of the input, whether agents see it or not. All but ``required`` let an empty cell
    pass.
    """

    required: bool = False
    """Whether there must be a value."""
    type: Literal["text", "integer", "number", "date", "boolean", "email"] = "text"
    """What values must be; ``date`` goes by the forms and the order of ``[source]``."""
    pattern: str = ""
    """A regular expression that is found in the value; with ``^`` and ``$``, that is all of it."""
    max_length: int | None = Field(None, ge=1)
    """In characters."""
    allowed: Texts = ()
    """The only values there may be, as written."""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        matcher(value)
        return value


class AttributeRules(Part):
    """``[attributes]``: which unmapped columns agents will see, and under which name."""

    include: Names = ("*",)
    """Headers of columns that agents see, ``*`` for any characters; of those that are no customer field."""
    exclude: Names = ()
    """Headers of columns that agents do not see after all."""
    rename: dict[str, str] = Field(default_factory=dict)
    """Header in the input = name that agents see."""
    rules: dict[str, AttributeRule] = Field(default_factory=dict)
    """Header in the input = what its values must be."""

    @field_validator("rename")
    @classmethod
    def _names_something(cls, value: dict[str, str]) -> dict[str, str]:
        for old, new in value.items():
            if not new.strip():
                raise ValueError(f"gives {old!r} an empty name; put it into exclude to leave it out")
        return value


class PhonePolicy(Part):
    """``[phones]``: what counts as a number to dial, and how it is sent."""

    accept: Literal["valid", "possible"] = "valid"
    """``valid``: of a range in use; ``possible``: of a length in use."""
    format: Literal["e164", "national", "digits", "as-written"] = "e164"
    """How numbers are sent: ``+442079460123``, ``020 7946 0123`` in digits, ``442079460123``, as written."""
    send_as: Literal["numbers", "attributes"] = "numbers"
    """As the field ``numbers``, or as the attributes ``Phone1`` to ``Phone3``."""
    premium: bool = False
    """Whether premium rate numbers may be dialled."""
    suppressed: Literal["suppress-row", "drop-number"] = "suppress-row"
    """What one number on a do-not-call list does: nobody of the row is called, or only that number isn't."""
    bad_beside_good: Literal["drop", "reject"] = "drop"
    """A bad number beside a good one: leave it out with a warning, or refuse the row."""


class ExternalIdPolicy(Part):
    """``[external_id]``: what to do where the row has none, and how ids are written."""

    when_missing: Literal["derive", "reject"] = "derive"
    """A row without an id: derive one from its first good number, or refuse the row."""
    derive_from: Names = ()
    """Columns that join the number in a derived id."""
    prefix: str = ""
    """Put before every id, and taken off again by ``obi export --profile``."""
    salesforce18: bool = False
    """Whether Salesforce's ids of 15 characters become their form of 18, which case can't confuse."""


LIST_KINDS = {"numbers:": "numbers", "hashes:": "hashes", "ids:": "externalIds"}
"""Words before a do-not-call list's file name that say what it holds."""


class SuppressRules(Part):
    """``[suppress]``: standing do-not-call lists; paths are relative to the profile's own file."""

    files: Names = ()
    """Do-not-call lists that no load goes without; ``ids:`` or ``numbers:`` before a path: what it holds."""
    max_age: str = ""
    """A list that is older than this (``12h``, ``7d``, ``4w``) stops the load."""
    region: Region = ""
    """The country of national numbers in the lists, where it is not the profile's own ``region``."""
    max_unreadable: int = Field(0, ge=0)
    """How many entries of a list may be unreadable."""
    if_loaded: Literal["warn", "delete"] = "warn"
    """Somebody who is suppressed is in the campaign from earlier: say so, or delete the customer there."""

    @field_validator("max_age")
    @classmethod
    def _is_an_age(cls, value: str) -> str:
        if value and not re.fullmatch(r"[0-9]{1,5}[hdw]", value):
            raise ValueError('must be a number of hours, days or weeks such as "12h", "7d" or "2w"')
        return value

    @property
    def max_seconds(self) -> int:
        """``max_age`` in seconds, 0 where it is not set."""
        unit = {"h": 3_600, "d": 86_400, "w": 604_800}.get(self.max_age[-1:], 0)
        return int(self.max_age[:-1] or 0) * unit

    def beside(self, folder: Path) -> SuppressRules:
        """The same with the paths of files taken from ``folder``."""
        return self.model_copy(update={"files": tuple(_list_in(folder, name) for name in self.files)})


class SuppressWhen(Part):
    """``[[suppress_when]]``: a row is suppressed when a column says so; values compare without case."""

    column: str = Field(min_length=1)
    """The column that says it."""
    is_: Texts | None = Field(None, alias="is")
    """When its value is one of these."""
    is_not: Texts | None = None
    """When its value is none of these."""
    empty: bool | None = None
    """When it is empty (true), or has any value (false)."""
    older_than: str = ""
    """When it is a date longer ago than so many days, such as ``180d``."""

    @field_validator("older_than")
    @classmethod
    def _is_days(cls, value: str) -> str:
        if value and not re.fullmatch(r"[0-9]{1,5}d", value):
            raise ValueError('must be a number of days such as "180d"')
        return value

    @property
    def max_days(self) -> int:
        """``older_than`` in days, 0 where it is not set."""
        return int(self.older_than.removesuffix("d") or 0)

    def says_so(self, value: str) -> bool:
        """Whether ``value`` of the column suppresses its row."""
        text = value.strip().casefold()
        if self.empty is not None and (text == "") is self.empty:
            return True
        if self.is_ is not None and text in {word.casefold() for word in self.is_}:
            return True
        return self.is_not is not None and text not in {word.casefold() for word in self.is_not}


class Expect(Part):
    """``[expect]``: limits that tell a normal night from a broken one. Shares are of the rows read."""

    rows: tuple[int, int] | None = None
    """The least and the most rows that are read; ``[0, …]`` allows a header without any."""
    invalid_max: Limit = ""
    """The most rows that may be invalid or rejected: a number, or a share of the rows such as ``2%``."""
    created_min: Limit = ""
    """The least that must be put into the campaign: the same."""

    @field_validator("rows")
    @classmethod
    def _is_a_range(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not 0 <= value[0] <= value[1]:
            raise ValueError("must be the least and the most, as in [0, 60000]")
        return value


def names_of(rules: ColumnRules) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Customer fields (the interface's names) with the columns that the profile names for them."""
    for name, field in ColumnRules.model_fields.items():
        if name != "not_fields":
            yield field.alias or name, getattr(rules, name) or ()


def _list_in(folder: Path, name: str) -> str:
    prefix = next((word for word in LIST_KINDS if name.startswith(word)), "")
    return f"{prefix}{folder / name.removeprefix(prefix)}"


def _zone(value: str) -> str:
    if value:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("must be an IANA name such as Europe/London") from None
    return value
