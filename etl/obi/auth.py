"""How a request says who it comes from: one small object a mode."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Protocol

from etl.errors import ConfigError


class Auth(Protocol):
    """Gives the headers that authorise a request; asked before every attempt."""

    def headers(self) -> Mapping[str, str]:
        """The headers to add, empty where none are needed."""
        ...


class Anonymous:
    """No credentials: an open interface, or one that goes by the client certificate."""

    def headers(self) -> Mapping[str, str]:
        """No header at all."""
        return {}


class _Fixed:
    def __init__(self, authorization: str) -> None:
        self._headers = {"Authorization": authorization}

    def headers(self) -> Mapping[str, str]:
        """The ``Authorization`` header."""
        return self._headers


class Basic(_Fixed):
    """RFC 7617, with UTF-8 for whatever ASCII does not hold."""

    def __init__(self, username: str, password: str) -> None:
        if ":" in username:
            raise ConfigError("The user name contains a colon, which Basic authentication can't carry.")
        super().__init__("Basic " + b64encode(f"{username}:{password}".encode()).decode("ascii"))


class Bearer(_Fixed):
    """RFC 6750: a token that somebody else issued."""

    def __init__(self, token: str) -> None:
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise ConfigError("The token contains blanks, line ends or other characters no header can carry.")
        super().__init__(f"Bearer {token}")


def auth_from(*, username: str, password: str, token: str) -> Auth:
    """The mode that fits what is given: a token before a user name, nothing for nothing.

    Raises ConfigError where a value can't be sent.
    """
    if token:
        return Bearer(token)
    if username or password:
        return Basic(username, password)
    return Anonymous()
