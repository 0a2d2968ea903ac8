"""Where the interface is and how to talk to it: what a client is made from, checked."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

from msgspec import Struct
from yarl import URL

from etl.errors import ConfigError

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2


class Connection(Struct, frozen=True, kw_only=True):
    """Where the interface is and how to talk to it.

    ``base_url`` is the interface's root (``https://HOST/RI/obi``). ``token`` (bearer) comes before
    ``username`` and ``password`` (Basic); without any of them, requests carry no credentials. ``headers``
    go with every request. ``ca_bundle`` is a PEM file of the authorities to trust instead of the system's.
    Times are in seconds: ``connect_timeout`` for a connection to come about, ``read_timeout`` between two
    signs of life, ``total_timeout`` for one attempt. ``attempts``, ``retry_seconds``, ``backoff`` and
    ``backoff_max`` bound the retries of one call (see ``RetryPolicy``). ``rate`` is requests a second at
    most, evenly spaced, None for no limit.
    """

    base_url: str
    username: str = ""
    password: str = ""
    token: str = ""
    headers: Mapping[str, str] = {}
    ca_bundle: str = ""
    connect_timeout: float = 10
    read_timeout: float = 60
    total_timeout: float = 120
    max_connections: int = 32
    attempts: int = 5
    retry_seconds: float = 120
    backoff: float = 0.5
    backoff_max: float = 30
    rate: float | None = None

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
    if url.scheme not in {"http", "https"} or not url.host:
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
        if not _TOKEN.fullmatch(name) or not value.isprintable():
            raise ConfigError(f"The extra header {name!r} can't be sent; mend OBI_HEADERS.")
    return {"User-Agent": _user_agent(), **connection.headers}


def trust_of(connection: Connection) -> ssl.SSLContext | bool:
    """Whom to trust: True for the system's authorities. Raises ConfigError for an unreadable bundle."""
    if not connection.ca_bundle:
        return True
    try:
        return ssl.create_default_context(cafile=connection.ca_bundle)
    except OSError as error:  # ssl.SSLError is one
        why = error.strerror or "no PEM file"
        raise ConfigError(
            f"The certificates in {connection.ca_bundle} can't be read ({why}); mend OBI_CA_BUNDLE."
        ) from error


def _without_credentials(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else scheme.rpartition("@")[2]


@lru_cache(maxsize=1)
def _user_agent() -> str:
    try:
        return f"obi-import/{version('obi-import')}"
    except PackageNotFoundError:
        return "obi-import"
