"""Settings of a load and of its connection, from one place: flag, environment, settings file, default.

A flag beats the environment (``OBI_…``), that beats ``obi.toml`` in the current folder, that beats
``obi.toml`` in the user's configuration folder, that beats the default. Credentials never come from the
command line. A secret may also come from the file that ``OBI_PASSWORD_FILE`` or the like names; extra
headers are secrets too (``OBI_HEADERS_FILE``, JSON).
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args

import platformdirs
from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from etl.errors import ConfigError

APP = "obi-import"
SECRETS = ("username", "password", "token", "client_key_password")
_LIMIT = re.compile(r"[0-9]{1,9}|[0-9]{1,3}(?:\.[0-9]{1,6})?%", re.ASCII)
_FROM_FILES = (*SECRETS, "headers")
_CREDENTIALS = (
    *_FROM_FILES,
    *(f"{name}_file" for name in _FROM_FILES),
    "token_command",
    "client_cert",
    "client_key",
)
_CONNECTION = ("state_dir", "media_type")
"""What may be another when a run is resumed, beside the credentials."""


def default_state_dir() -> Path:
    """Where journals, spooled inputs and simulator data are kept on this platform."""
    return Path(platformdirs.user_state_dir(APP, appauthor=False))


class Settings(BaseSettings):
    """Everything that can be set, checked and frozen.

    Times are in seconds, sizes in bytes. ``concurrency`` is a number of requests in flight or ``auto``.
    """

    model_config = SettingsConfigDict(env_prefix="OBI_", frozen=True, extra="forbid", validate_default=True)

    base_url: str = ""
    username: str = ""
    password: SecretStr = SecretStr("")
    token: SecretStr = SecretStr("")
    token_command: SecretStr = SecretStr("")
    username_file: Path | None = None
    password_file: Path | None = None
    token_file: Path | None = None
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    headers_file: Path | None = None
    client_cert: str = ""
    client_key: str = ""
    client_key_password: SecretStr = SecretStr("")
    client_key_password_file: Path | None = None
    ca_bundle: str = ""
    media_type: Literal["json", "xml"] = "json"
    connect_timeout: float = Field(10, gt=0)
    read_timeout: float = Field(60, gt=0)
    total_timeout: float = Field(120, gt=0)
    attempts: int = Field(5, ge=1)
    retry_seconds: float = Field(120, gt=0)
    backoff: float = Field(0.5, gt=0)
    backoff_max: float = Field(30, gt=0)
    doubt_seconds: float = Field(60, ge=0)

    state_dir: Path = Field(default_factory=default_state_dir)
    batch_size: int = Field(100, ge=1, le=10_000)
    batch_bytes: int = Field(1_000_000, ge=1_000)
    concurrency: int | Literal["auto"] = "auto"
    max_concurrency: int = Field(16, ge=1, le=256)
    rate: float | None = Field(None, gt=0)
    existing: Literal["skip", "fail"] = "skip"
    duplicates_by: Literal["externalId", "number", "both", "none"] = "externalId"
    duplicates_across: Literal["input", "runs"] = "input"
    on_unknown: Literal["verify", "hold"] = "verify"
    stop_batch_if_invalid: bool = False
    strict: bool = False
    canary: int | None = Field(None, ge=1)
    max_errors: str = ""
    marker: str = ""
    verify: bool = False
    pause_first: bool = False
    activate: bool = False
    plain: bool = False
    spool: Literal["auto", "never"] = "auto"
    wait_lock: float = Field(0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, data: Any) -> Any:
        for name in _FROM_FILES:
            path = data.get(f"{name}_file") if isinstance(data, dict) else None
            if path and not data.get(name):
                text = _read_secret(name, Path(path))
                data[name] = _headers_in(text, Path(path)) if name == "headers" else text
        return data

    @field_validator("concurrency", mode="before")
    @classmethod
    def _number_or_auto(cls, value: Any) -> Any:
        if value == "auto":
            return value
        if not str(value).isdecimal() or not 1 <= int(value) <= 256:
            raise ValueError("must be auto, or a number from 1 to 256")
        return int(value)

    @field_validator("max_errors", mode="before")
    @classmethod
    def _number_or_share(cls, value: Any) -> str:
        text = str(value).strip()
        if text and not _LIMIT.fullmatch(text):
            raise ValueError("must be a number of rows, or a share such as 5%")
        if text.endswith("%") and float(text[:-1]) > 100:
            raise ValueError("is more than all rows")
        return text

    @field_validator("marker")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        name = value.strip()
        if name and (not name.isprintable() or len(name) > 100):
            raise ValueError("must be the name of an attribute: up to 100 printable characters")
        if name.lower() in {"phone1", "phone2", "phone3"}:
            raise ValueError("is an attribute that holds a number")
        return name

    @field_validator("base_url")
    @classmethod
    def _is_a_root(cls, value: str) -> str:
        value = value.strip().rstrip("/")
        if value and not value.lower().startswith(("http://", "https://")):
            raise ValueError("must begin with https:// or http://, as in https://HOST/RI/obi")
        if "@" in value.partition("://")[2].partition("/")[0]:
            raise ValueError("holds credentials; put them into OBI_USERNAME and OBI_PASSWORD instead")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Give the sources in their order of precedence."""
        del dotenv_settings, file_secret_settings
        return (init_settings, env_settings, *(_TomlSource(settings_cls, path) for path in settings_files()))

    def frozen(self) -> dict[str, Any]:
        """Plain data for a run's manifest, without credentials and what only the connection goes by."""
        return self.model_dump(mode="json", exclude={*_CREDENTIALS, *_CONNECTION})


class _TomlSource(PydanticBaseSettingsSource):
    """One settings file; what is wrong in it is reported with its path and key."""

    def __init__(self, settings_cls: type[BaseSettings], path: Path) -> None:
        super().__init__(settings_cls)
        self.path = path

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        del field
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        if not self.path.is_file():
            return {}
        data = read_toml(self.path, what="settings file")
        for key in data:
            if key not in Settings.model_fields:
                raise ConfigError(f"{self.path}: {key} is not a setting{nearest(key, Settings.model_fields)}")
        if "token_command" in data and not self.path.is_absolute():
            # A folder that somebody else filled must not choose what is run here.
            raise ConfigError(
                f"{self.path} in this folder names a token_command, which runs only if you say so: put "
                f"it into OBI_TOKEN_COMMAND, or into {settings_files()[1]}."
            )
        # A secret's file that a stronger source names beats the secret itself in this one, and so does a
        # token's command the token.
        replaced = {key for key in data if f"{key}_file" in self.current_state}
        if "token_command" in self.current_state:
            replaced |= {"token", "token_file"}
        return {key: value for key, value in data.items() if key not in replaced}


def settings_files() -> tuple[Path, ...]:
    """The settings files that are looked for, the stronger first."""
    return (
        Path("obi.toml"),
        Path(platformdirs.user_config_dir(APP, appauthor=False)) / "obi.toml",
    )


def load_settings(**flags: Any) -> Settings:
    """Give the settings in force; a flag that is None was not given.

    Raises ConfigError that names the setting, where it stands, and what would be right.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise ConfigError(explain(error, where="settings", model=Settings)) from None
    except SettingsError as error:
        if "headers" in str(error):
            raise ConfigError('OBI_HEADERS is not a JSON object such as {"X-Api-Key": "…"}.') from None
        raise ConfigError(f"A setting in the environment can't be read: {error}.") from None


def read_toml(path: Path, *, what: str) -> dict[str, Any]:
    """Parsed TOML; raises ConfigError that says on which line it breaks."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"The {what} {path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"The {what} {path} is not UTF-8 text; save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The {what} {path} is not valid TOML: {error}.") from None


def explain(error: ValidationError, *, where: str, model: type[BaseModel]) -> str:
    """One sentence for the first thing wrong: key, value, and what would be right; secrets are left out."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"] if not str(part).startswith(("function-", "constrained-"))]
    key = ".".join(path) or "value"
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        return f"{where}: {key} is not a key{nearest(path[-1], _keys_beside(model, path))}{more}"
    value = first.get("input")
    secret = any(name in key.lower() for name in _CREDENTIALS) or "@" in str(value)  # as in me:word@host
    shown = "" if secret else f" = {value!r}"
    message = str(first["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return f"{where}: {key}{shown}: {message[:1].lower()}{message[1:]}.{more}"


def nearest(word: str, known: Any) -> str:
    """``. Did you mean X?``, or the list of what is known where nothing is near."""
    names = sorted(map(str, known))
    match = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f". Did you mean {match[0]}?" if match else f". Known are {', '.join(names)}."


def _keys_beside(model: type[BaseModel], path: list[str]) -> list[str]:
    current: type[BaseModel] = model
    for part in path[:-1]:
        field = next((f for n, f in current.model_fields.items() if part in (n, f.alias)), None)
        if field is None:
            continue  # a name of the user's own, or a place in a list
        inner = [field.annotation, *get_args(field.annotation)]
        tables = [each for each in inner if isinstance(each, type) and issubclass(each, BaseModel)]
        current = tables[0] if tables else current
    return [field.alias or name for name, field in current.model_fields.items()]


def refuse_open_file(path: Path, *, what: str) -> None:
    """Raise ConfigError if everyone on this machine may do something with the file at ``path``."""
    if os.name == "posix" and path.stat().st_mode & 0o007:
        raise ConfigError(f"The {what} {path} is open to everyone; run: chmod o-rwx {path}")


def _read_secret(name: str, path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"The file {path} that OBI_{name.upper()}_FILE names can't be read.") from None
    refuse_open_file(path, what="secret file")
    return text


def _headers_in(text: str, path: Path) -> dict[str, str]:
    try:
        headers = json.loads(text)
    except ValueError:
        headers = None
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise ConfigError(
            f'The file {path} that OBI_HEADERS_FILE names is not JSON such as {{"NAME": "VALUE"}}.'
        )
    return headers
