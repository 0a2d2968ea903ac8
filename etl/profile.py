"""The mapping profile: which source column is which customer field, and by which rules.

Users keep these TOML files in their own repositories, so the keys are a contract (``docs/profiles.md``).
Every key is optional; an unknown one is an error that names the nearest known one.
"""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from phonenumbers import SUPPORTED_REGIONS
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from etl.errors import ConfigError, ProfileError
from etl.settings import explain, nearest, read_toml


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple, json_schema_input_type=str | tuple[str, ...])]


def _is_a_region(value: str) -> str:
    if value and value not in SUPPORTED_REGIONS:
        raise ValueError("must be a country code of two letters, such as GB, DE or US")
    return value


Region = Annotated[str, Field(pattern=r"^([A-Z]{2})?$"), AfterValidator(_is_a_region)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class SourceRules(_Part):
    """``[source]``: what the survey would otherwise detect."""

    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    header_row: int | None = Field(None, ge=1)
    date_order: Literal["", "dmy", "mdy", "ymd"] = ""
    date_formats: tuple[str, ...] = ()
    timezone: str = ""
    hidden: Literal["refuse", "include", "exclude"] = "refuse"

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        return _zone(value)


class ColumnRules(_Part):
    """``[columns]``: customer field = source column, or several in priority order.

    ``do_not_call`` is recognised unless it is named: an empty list says that no column is one.
    """

    external_id: Names = Field((), alias="externalId")
    numbers: Names = ()
    phones: Names = ()
    date: Names = ()
    agent_id: Names = Field((), alias="agentId")
    dialing_mode: Names = Field((), alias="dialingMode")
    preview_time: Names = Field((), alias="previewTime")
    priority: Names = ()
    time_zone: Names = Field((), alias="timeZone")
    do_not_call: Names | None = None


class Defaults(_Part):
    """``[defaults]``: sent where the row has no value."""

    priority: int | None = Field(None, ge=0)
    preview_time: int | None = Field(None, alias="previewTime", ge=0)
    dialing_mode: Literal["", "PREVIEW", "PREDICTIVE"] = Field("", alias="dialingMode")
    time_zone: str = Field("", alias="timeZone")

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        return value if value == "infer" else _zone(value)


class AttributeRule(_Part):
    """``[attributes.rules."Column"]``: becomes pandera checks."""

    required: bool = False
    pattern: str = ""
    max_length: int | None = Field(None, ge=1)
    allowed: tuple[str, ...] = ()

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        return value


class AttributeRules(_Part):
    """``[attributes]``: which unmapped columns agents will see, and under which name."""

    include: Names = ("*",)
    exclude: Names = ()
    rename: dict[str, str] = Field(default_factory=dict)
    rules: dict[str, AttributeRule] = Field(default_factory=dict)


class PhonePolicy(_Part):
    """``[phones]``: what counts as a number to dial, and how it is sent."""

    accept: Literal["valid", "possible"] = "valid"
    format: Literal["e164", "national", "digits", "as-written"] = "e164"
    send_as: Literal["numbers", "attributes"] = "numbers"
    premium: bool = False
    suppressed: Literal["suppress-row", "drop-number"] = "suppress-row"
    bad_beside_good: Literal["drop", "reject"] = "drop"


class ExternalIdPolicy(_Part):
    """``[external_id]``: what to do where the row has none, and how ids are written."""

    when_missing: Literal["derive", "reject"] = "derive"
    derive_from: Names = ()
    prefix: str = ""
    salesforce18: bool = False


class SuppressRules(_Part):
    """``[suppress]``: standing do-not-call lists."""

    files: Names = ()
    max_age: str = ""
    region: Region = ""
    max_unreadable: int = Field(0, ge=0)
    if_loaded: Literal["warn", "delete"] = "warn"


class SuppressWhen(_Part):
    """``[[suppress_when]]``: a row is suppressed when a column says so; values compare without case."""

    column: str
    is_: Names | None = Field(None, alias="is")
    is_not: Names | None = None
    empty: bool | None = None
    older_than: str = ""

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


class Expect(_Part):
    """``[expect]``: limits that tell a normal night from a broken one. Shares are of the rows read."""

    rows: tuple[int, int] | None = None
    invalid_max: str = ""
    created_min: str = ""

    @field_validator("rows")
    @classmethod
    def _is_a_range(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not 0 <= value[0] <= value[1]:
            raise ValueError("must be the least and the most, as in [0, 60000]")
        return value

    @field_validator("invalid_max", "created_min")
    @classmethod
    def _is_a_limit(cls, value: str) -> str:
        if value and not re.fullmatch(r"\d+(\.\d+)?%?", value):
            raise ValueError('must be a number of rows or a share such as "2%"')
        return value


class Profile(_Part):
    """A whole mapping profile.

    ``guessing`` is true where ``[columns]`` is not given: common headers of exports are recognised then,
    beside the interface's own names.
    """

    name: str = "obi"
    campaign: str = ""
    region: Region = ""
    region_column: str = ""
    source: SourceRules = SourceRules()
    columns: ColumnRules = ColumnRules()
    defaults: Defaults = Defaults()
    attributes: AttributeRules = AttributeRules()
    phones: PhonePolicy = PhonePolicy()
    external_id: ExternalIdPolicy = ExternalIdPolicy()
    suppress: SuppressRules = SuppressRules()
    suppress_when: tuple[SuppressWhen, ...] = ()
    expect: Expect = Expect()
    guessing: bool = Field(default=True, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _guess_where_no_column_is_named(cls, data: Any) -> Any:
        if isinstance(data, dict) and "guessing" not in data:
            return {**data, "guessing": not data.get("columns")}
        return data

    @field_validator("region", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.strip().upper() if isinstance(value, str) else value

    def frozen(self) -> dict[str, Any]:
        """Plain data for a run's manifest."""
        return self.model_dump(mode="json", by_alias=True) | {"guessing": self.guessing}

    @classmethod
    def thawed(cls, data: dict[str, Any]) -> Profile:
        """The profile that ``frozen`` gave."""
        return cls.model_validate(data)


GUESSED = Profile(name="guessed")


def find_profile(given: str | None, *, region: str | None = None, hidden: str | None = None) -> Profile:
    """The profile of this name or path, or the guessing one.

    ``region`` (ISO 3166-1 alpha-2) and ``hidden`` beat the profile's own.

    Raises ProfileError that names key, value and what would be right.
    """
    profile = read_profile(given) if given else GUESSED
    if hidden:
        source = profile.source.model_copy(update={"hidden": hidden})
        profile = profile.model_copy(update={"source": source})
    if region:
        try:
            profile = profile.model_validate(profile.frozen() | {"region": region})
        except ValidationError:
            raise ProfileError(
                f"Region {region!r} is not a country code of two letters; use GB (not UK), DE, US, ..."
            ) from None
    return profile


def read_profile(given: str) -> Profile:
    """The profile in a TOML file, or the built-in one of this name."""
    path = Path(given)
    if not path.is_file():
        built_in = profile_folder() / f"{given}.toml"
        if not built_in.is_file():
            names = [file.stem for file in profile_folder().glob("*.toml")]
            raise ProfileError(
                f"There is no profile {given!r}, as a file or built in{nearest(given, names)}."
            )
        path = built_in
    try:
        data = read_toml(path, what="profile")
        if "guessing" in data:
            raise ProfileError(f"profile {path}: guessing is not a key.")
        return Profile.model_validate({"name": path.stem} | data)
    except ValidationError as error:
        raise ProfileError(explain(error, where=f"profile {path}", model=Profile)) from None
    except ConfigError as error:
        raise ProfileError(str(error)) from None


def profile_folder() -> Path:
    """Where the built-in profiles are: beside the package in a checkout, inside it in a wheel."""
    return asset("schemas") / "profiles"


def asset(name: str) -> Path:
    """The folder of shipped files ``schemas`` or ``samples``."""
    package = Path(str(importlib.resources.files("etl")))
    shipped = package / "_assets" / name
    return shipped if shipped.is_dir() else package.parent / name


def normal_header(text: str) -> str:
    """A header as it is compared: without case, spaces, ``_``, ``-`` and NBSP."""
    return re.sub(r"[\s_\-\u00a0\ufeff\u200b]+", "", text).casefold()


def _zone(value: str) -> str:
    if value:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("must be an IANA name such as Europe/London") from None
    return value


def names_of(rules: ColumnRules) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Customer fields (the interface's names) with the columns that the profile names for them."""
    for name, field in ColumnRules.model_fields.items():
        yield field.alias or name, getattr(rules, name) or ()
