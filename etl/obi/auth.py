"""How a request says who it comes from: one small object a mode."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from typing import Protocol

from etl.errors import ConfigError
from etl.obi.command import CommandError, output_of, words_of


class Auth(Protocol):
    """Gives the headers that authorise a request; asked before every attempt."""

    async def headers(self) -> Mapping[str, str]:
        """The headers to add, empty where none are needed. Raises CommandError."""
        ...

    async def renew(self, refused: Mapping[str, str]) -> bool:
        """Whether there are others now than these, which were answered with 401. Raises CommandError."""
        ...


class Fixed:
    """The same headers always: none at all for an open interface, or one that knows the certificate."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    async def headers(self) -> Mapping[str, str]:
        """The headers that were given."""
        return self._headers

    async def renew(self, refused: Mapping[str, str]) -> bool:
        """False: there are no others."""
        del refused
        return False


class TokenCommand:
    """A bearer token that a command prints: run before the first request, and again after a 401.

    However many requests need a token at the same time, the command is run once for all of them, and what
    it fails with holds for all of them too.
    """

    def __init__(self, command: str) -> None:
        self._words = words_of(command)
        self._headers: Mapping[str, str] | None = None
        self._failed = ""
        self._runs = 0
        self._turn = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        """The header with the token of the command's latest run."""
        return self._headers or await self._run_once()

    async def renew(self, refused: Mapping[str, str]) -> bool:
        """True, once the command has been run after ``refused`` was in use."""
        if self._headers is refused:
            await self._run_once()
        return True

    async def _run_once(self) -> Mapping[str, str]:
        runs = self._runs
        async with self._turn:
            if self._runs == runs:  # else somebody ran it while we waited
                await self._run()
        if self._headers is None:
            raise CommandError(self._failed)
        return self._headers

    async def _run(self) -> None:
        self._headers = None
        try:
            self._headers = bearer(await output_of(self._words))
        except (CommandError, ConfigError) as error:
            self._failed = str(error) if isinstance(error, CommandError) else "it printed more than a token"
        self._runs += 1


def basic(username: str, password: str) -> Mapping[str, str]:
    """RFC 7617, with UTF-8 for whatever ASCII does not hold."""
    if ":" in username:
        raise ConfigError("The user name contains a colon, which Basic authentication can't carry.")
    return {"Authorization": "Basic " + b64encode(f"{username}:{password}".encode()).decode("ascii")}


def bearer(token: str) -> Mapping[str, str]:
    """RFC 6750: a token that somebody else issued."""
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise ConfigError("The token contains blanks, line ends or other characters no header can carry.")
    return {"Authorization": f"Bearer {token}"}


def auth_from(*, username: str, password: str, token: str, token_command: str) -> Auth:
    """The mode that fits what is given: a token, else its command, else a user name; nothing for nothing.

    Raises ConfigError where a value can't be sent, or the command can't be run.
    """
    if token:
        return Fixed(bearer(token))
    if token_command:
        return TokenCommand(token_command)
    return Fixed(basic(username, password) if username or password else {})
