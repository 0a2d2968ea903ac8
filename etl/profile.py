"""The mapping profile: which source column is which customer field, and by which rules.

Users keep these TOML files in their own repositories, so the keys are a contract (``docs/profiles.md``).
Every key is optional; an unknown one is an error that names the nearest known one.
"""

from __future__ import annotations

import importlib.resources
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from etl.errors import ConfigError, ProfileError
from etl.profiletables import (
    LIST_KINDS,
    AttributeRule,
    AttributeRules,
    ColumnRules,
    Defaults,
    Expect,
    ExternalIdPolicy,
    Names,
    Part,
    PhonePolicy,
    Region,
    SourceRules,
    SuppressRules,
    SuppressWhen,
    names_of,
)
from etl.settings import explain, nearest, read_toml

__all__ = [
    "GUESSED",
    "LIST_KINDS",
    "AttributeRule",
    "AttributeRules",
    "ColumnRules",
    "Defaults",
    "Expect",
    "ExternalIdPolicy",
    "PhonePolicy",
    "Profile",
    "SourceRules",
    "SuppressRules",
    "SuppressWhen",
    "asset",
    "find_profile",
    "names_of",
    "normal_header",
    "profile_folder",
    "read_profile",
]


class Profile(Part):
    """A whole mapping profile.

    ``guessing`` is true where ``[columns]`` is not given: common headers of exports are recognised then,
    beside the interface's own names. ``missing_columns`` says what the names under ``[columns]`` are:
    demands, or names that a column may go by, beside those that are recognised anyway.
    """

    name: str = "obi"
    """What the profile is called; without it, as its file is."""
    campaign: str = ""
    """Id or exact name of the campaign; ``--campaign`` wins."""
    region: Region = ""
    """The country (ISO 3166, two letters) of numbers without a country code; ``--region`` wins."""
    region_column: Names = ()
    """The column that says so row by row, as a name or a code: it beats ``region``.

    Of several the first rules, and where another one says another country the row has none."""
    missing_columns: Literal["stop", "ignore"] = "stop"
    """Whether a column named under ``[columns]`` that the input lacks stops the load."""
    source: SourceRules = SourceRules()
    columns: ColumnRules = ColumnRules()
    defaults: Defaults = Defaults()
    attributes: AttributeRules = AttributeRules()
    phones: PhonePolicy = PhonePolicy()
    external_id: ExternalIdPolicy = ExternalIdPolicy()
    suppress: SuppressRules = SuppressRules()
    suppress_when: tuple[SuppressWhen, ...] = ()
    """Rules by which a column's value suppresses its row; each is a table ``[[suppress_when]]``."""
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


def find_profile(given: str | None, *, region: str | None = None, **source: str | int | None) -> Profile:
    """The profile of this name or path, or the guessing one.

    ``region`` (ISO 3166-1 alpha-2) and ``source``, keys of ``[source]``, beat its own; None does not.

    Raises ProfileError that names key, value and what would be right.
    """
    profile = read_profile(given) if given else GUESSED
    if stated := {key: value for key, value in source.items() if value is not None}:
        try:
            rules = SourceRules.model_validate(profile.source.model_dump() | stated)
        except ValidationError as error:
            raise ProfileError(
                explain(error, where="what is stated of the input", model=SourceRules)
            ) from None
        profile = profile.model_copy(update={"source": rules})
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
            raise ProfileError(f"There is no profile {given!r}, as a file or built in{nearest(given, names)}")
        path = built_in
    try:
        data = read_toml(path, what="profile")
        if "guessing" in data:
            raise ProfileError(f"profile {path}: guessing is not a key.")
        profile = Profile.model_validate({"name": path.stem} | data)
        return profile.model_copy(update={"suppress": profile.suppress.beside(path.absolute().parent)})
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
