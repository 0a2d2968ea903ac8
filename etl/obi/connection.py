"""Where the interface is and how to talk to it: what a client is made from, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal, Self

from msgspec import Struct
from yarl import URL

from etl.errors import ConfigError
from etl.settings import Settings

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2
_FRAMING = frozenset({"connection", "content-encoding", "content-length", "transfer-encoding", "upgrade"})
"""Headers that say how a message is cut out of its connection: a fixed one would be wrong for most."""


class Connection(Struct, frozen=True, kw_only=True):
    """Where the interface is and how to talk to it.

    ``base_url`` is the interface's root (``https://HOST/RI/obi``). ``token`` (bearer) comes before
    ``token_command`` (a command that prints one), that before ``username`` and ``password`` (Basic); without
    any of them, requests carry no credentials. ``headers`` go with every request. ``client_cert`` and
    ``client_key`` are PEM files (the key may stand in the certificate's), ``ca_bundle`` is one of the
    authorities to trust instead of the system's. ``media_type`` is what bodies are asked for and sent in.

    Times are in seconds: ``connect_timeout`` for a connection to come about, ``read_timeout`` between two
    signs of life, ``total_timeout`` for one attempt. ``attempts``, ``retry_seconds``, ``backoff`` and
    ``backoff_max`` bound the retries of one call (see ``RetryPolicy``). ``rate`` is requests a second at
    most, evenly spaced, None for no limit.
    """

    base_url: str
    username: str = ""
    password: str = ""
    token: str = ""
    token_command: str = ""
    headers: Mapping[str, str] = {}
    client_cert: str = ""
    client_key: str = ""
    client_key_password: str = ""
    ca_bundle: str = ""
    media_type: Literal["json", "xml"] = "json"
    connect_timeout: float = 10
    read_timeout: float = 60
    total_timeout: float = 120
    max_connections: int = 32
    attempts: int = 5
    retry_seconds: float = 120
    backoff: float = 0.5
    backoff_max: float = 30
    rate: float | None = None

    @classmethod
    def of(cls, settings: Settings, *, base_url: str = "", credentials: bool = True) -> Self:
        """The connection that ``settings`` describe, to ``base_url`` in place of theirs where it is given.

        Without ``credentials`` everything that says who we are is left out, for a server that need not know.
        """
        return cls(
            base_url=base_url or settings.base_url,
            **(_credentials(settings) if credentials else {}),
            ca_bundle=settings.ca_bundle,
            media_type=settings.media_type,
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
            total_timeout=settings.total_timeout,
            max_connections=2 * _in_flight(settings),
            attempts=settings.attempts,
            retry_seconds=settings.retry_seconds,
            backoff=settings.backoff,
            backoff_max=settings.backoff_max,
            rate=settings.rate,
        )

    def __repr__(self) -> str:
        return f"Connection(base_url={_without_credentials(self.base_url)!r}, …)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("base_url", _without_credentials(self.base_url))]


def root_of(connection: Connection) -> URL:
    """The interface's root without a slash at its end. Raises ConfigError if it can't be one."""
    try:
        url = URL(connection.base_url.strip().rstrip("/"))
    except ValueError:
        url = URL()
    if url.scheme not in {"http", "https"} or not url.host or re.search(r"\s", url.host):
        raise ConfigError("The base URL is not of the form https://HOST/RI/obi; set OBI_BASE_URL.")
    if url.user or url.password:
        raise ConfigError(
            "The base URL holds credentials; put them into OBI_USERNAME and OBI_PASSWORD instead."
        )
    if url.raw_query_string or url.raw_fragment:
        raise ConfigError("The base URL has a '?' or '#' part, which can't be part of an interface's root.")
    return url


def headers_of(connection: Connection) -> dict[str, str]:
    """The headers of every request. Raises ConfigError for one that can't be sent."""
    for name, value in connection.headers.items():
        framing = name.lower() in _FRAMING
        if framing or not _TOKEN.fullmatch(name) or not value.isprintable():
            raise ConfigError(f"The extra header {name!r} can't be sent; mend OBI_HEADERS.")
    return {"User-Agent": _user_agent(), **connection.headers}


def speaks_xml(connection: Connection) -> bool:
    """Whether bodies travel in XML rather than JSON. Raises ConfigError for anything else."""
    if connection.media_type not in {"json", "xml"}:
        raise ConfigError("The media type is neither json nor xml; mend OBI_MEDIA_TYPE.")
    return connection.media_type == "xml"


def _credentials(settings: Settings) -> dict[str, Any]:
    return {
        "username": settings.username,
        "password": settings.password.get_secret_value(),
        "token": settings.token.get_secret_value(),
        "token_command": settings.token_command.get_secret_value(),
        "headers": {name: value.get_secret_value() for name, value in settings.headers.items()},
        "client_cert": settings.client_cert,
        "client_key": settings.client_key,
        "client_key_password": settings.client_key_password.get_secret_value(),
    }


def _in_flight(settings: Settings) -> int:
    return settings.max_concurrency if settings.concurrency == "auto" else settings.concurrency


def _without_credentials(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else scheme.rpartition("@")[2]


@lru_cache(maxsize=1)
def _user_agent() -> str:
    try:
        return f"obi-import/{version('obi-import')}"
    except PackageNotFoundError:
        return "obi-import"
