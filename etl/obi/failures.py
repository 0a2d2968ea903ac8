"""Every way in which a call can fail, turned into an error of ``etl.errors`` in one place.

What decides is whether the server can have processed the request. A GET may always be tried again. A call
that changes something may be tried again only after a failure that comes before any processing: no
connection, or 429. Statuses that refuse (3xx, and the standard 4xx but 408) are certain too, and final.
Everything else leaves such a call *in doubt*: ``UnknownOutcomeError``, at once, and the caller looks up what
happened.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientError,
    ClientHttpProxyError,
    ConnectionTimeoutError,
)
from yarl import URL

from etl.errors import (
    ApiError,
    BadRequestError,
    ContractError,
    NotAuthorisedError,
    NotFoundError,
    RefusedError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
    UnfitRequestError,
    UnknownOutcomeError,
    UnreachableError,
)
from etl.obi.privacy import EXCERPT, masked, without_personal
from etl.obi.retry import Again
from etl.obi.wire import Answer, Call

E = TypeVar("E", bound=ApiError)

_SHORTEST_SECRET = 4
"""Characters; to leave out what is shorter would garble every message."""

_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")

_CERTIFICATE_ALERTS = re.compile(
    r"ALERT_(?:CERTIFICATE_|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|NO_CERTIFICATE)"
)
"""What a server says about the client's certificate in a handshake (RFC 8446, 6.2), in OpenSSL's words."""

_PERHAPS_A_STRANGER = "; a server that wants a client's certificate (OBI_CLIENT_CERT) may do so too"
"""Some end the connection without a word, and what they mean can't be told from an outage."""

_STRANGER = (
    "the server refused the TLS connection over the client's certificate (not trusted, expired or missing); "
    "check OBI_CLIENT_CERT and OBI_CLIENT_KEY"
)

_UNFIT = (UnfitRequestError, "something answers, but not as OBI v1 does; check the base URL")
_UNFIT_TYPE = (
    UnfitRequestError,
    "the server does not speak this media type here; check the base URL, and OBI_MEDIA_TYPE (json or xml)",
)
_REFUSALS: dict[int, tuple[type[RefusedError], str]] = {
    401: (
        NotAuthorisedError,
        (
            "the credentials were refused; check OBI_USERNAME and OBI_PASSWORD, OBI_TOKEN (expired?) or "
            "OBI_TOKEN_COMMAND"
        ),
    ),
    403: (NotAuthorisedError, "the user lacks the rights; ask for the rights to outbound campaigns"),
    407: (NotAuthorisedError, "the proxy wants credentials; put them into HTTPS_PROXY or HTTP_PROXY"),
    404: (NotFoundError, "nothing is there; check the base URL and the campaign's or customer's id"),
    410: (NotFoundError, "it is there no more; check the campaign's or customer's id"),
    405: _UNFIT,
    406: _UNFIT_TYPE,
    415: _UNFIT_TYPE,
    413: (TooLargeError, "the request is too large; send fewer customers at a time"),
}
_NO_CREDENTIALS = "it wants credentials, and none were given; set OBI_USERNAME and OBI_PASSWORD, or OBI_TOKEN"
_REFUSING = {status.value for status in HTTPStatus if 400 <= status < 500} - {408, 429}
"""4xx statuses that a standard defines as a refusal; a gateway's own (444, 460, 499) prove nothing."""


_AWAY = {502, 503, 504}
"""What a gateway answers for a server behind it that is away."""


class OversizeError(Exception):
    """The body of a 2xx answer is larger than any sound one."""


class StrangerError(ClientError):
    """The server ended the TLS handshake over our certificate, or over having none from us."""


class DroppedError(ClientError):
    """The connection went away after the request may have been sent; the message says how."""


class Failures:
    """Makes the error of what went wrong with a call at ``base``, inside ``Again`` if it may be tried again.

    ``clock`` gives POSIX seconds, for a ``Retry-After`` that is a date. ``heard`` is to be set once the
    server has answered anything, ``well`` once that was neither a failure of its own (5xx) nor a 429.
    """

    def __init__(self, base: URL, *, clock: Callable[[], float]) -> None:
        self._secrets: set[str] = set()
        self._host = base.host if base.is_default_port() else f"{base.host}:{base.port}"
        self._over_tls = base.scheme == "https"
        self._clock = clock
        self.heard = self.well = False

    def hide(self, *secrets: str) -> None:
        """Leave these out of errors, even where a server's answer repeats what it was sent."""
        self._secrets.update(each for each in secrets if len(each) >= _SHORTEST_SECRET)

    def broken(self, call: Call, cause: Exception) -> Exception:
        """No whole answer came; ``cause`` is aiohttp's or the socket's exception, or an OversizeError."""
        if isinstance(cause, OversizeError):
            failure = self._doubtful(call, "the answer is too large to be one", kind=ContractError)
            return failure.error if isinstance(failure, Again) else failure  # the next would be as large
        if isinstance(cause, ClientHttpProxyError) and cause.status == 407:
            return self._error(*_REFUSALS[407], call, Answer(407, {}, b""))
        if isinstance(cause, ClientConnectorCertificateError):
            return self._error(UnreachableError, _untrusted(cause), call)
        if isinstance(cause, StrangerError) or is_stranger(cause):
            return self._error(NotAuthorisedError, _STRANGER, call)
        if isinstance(cause, ClientConnectorError | ConnectionTimeoutError | ClientHttpProxyError):
            reason = self._reason(cause)
            sentence = f"no connection ({reason}); check the base URL, the network and the proxy"
            return Again(self._error(UnreachableError, sentence, call), outage=self.well)
        return self._doubtful(call, self._reason(cause))

    def refused(self, call: Call, answer: Answer) -> Exception:
        """An answer came whose status is not 2xx."""
        status = answer.status
        if 300 <= status < 400:
            sentence = (
                f"redirected to {_target(answer)}, mostly a login page or the sign of a wrong base URL; "
                "check the base URL (https?) and the credentials"
            )
            return self._error(NotAuthorisedError, sentence, call, answer)
        if status == 429:
            throttled = self._error(ThrottledError, "too many requests; try again later", call, answer)
            throttled.retry_after = self._retry_after(answer)
            return Again(throttled, after=throttled.retry_after, outage=self.well)
        if status == 401 and not self._secrets:
            return self._error(NotAuthorisedError, _NO_CREDENTIALS, call, answer)
        if status in _REFUSALS:
            return self._error(*_REFUSALS[status], call, answer)
        if status in _REFUSING:
            bad = self._error(BadRequestError, "the server refused what was sent; mend it", call, answer)
            bad.body = self._without_secrets(answer.body)
            return bad
        return self._doubtful(call, "the server failed", answer)

    def unreadable(self, call: Call, answer: Answer, why: Exception) -> Exception:
        """An answer came whose status is 2xx and whose body is not what the document promises."""
        reason = f"the answer is not OBI v1's: {masked(str(why))}"
        return self._doubtful(call, reason, answer, kind=ContractError)

    def tokenless(self, call: Call, why: Exception) -> NotAuthorisedError:
        """Nothing was sent, or it was refused with 401: the command gives no (new) token."""
        sentence = f"the command in OBI_TOKEN_COMMAND gave no token: {why}; try it by hand"
        return self._error(NotAuthorisedError, sentence, call)

    def unsendable(self, call: Call, why: Exception) -> BadRequestError:
        """Nothing was sent: XML can't hold the body."""
        bad = self._error(BadRequestError, f"nothing was sent: {why}; or send JSON (OBI_MEDIA_TYPE)", call)
        bad.body = str(why)
        return bad

    def _reason(self, cause: Exception) -> str:
        broken = isinstance(cause, DroppedError | ClientConnectorSSLError) or (
            isinstance(cause, ClientConnectorError) and isinstance(cause.os_error, ConnectionResetError)
        )
        silent = broken and self._over_tls and not self.heard
        return _reason(cause) + (_PERHAPS_A_STRANGER if silent else "")

    def _doubtful(
        self,
        call: Call,
        reason: str,
        answer: Answer | None = None,
        *,
        kind: type[ApiError] = UnavailableError,
    ) -> Exception:
        if call.changes:
            sentence = f"{reason}; it may have been processed or not, so look before sending it again"
            return self._error(UnknownOutcomeError, sentence, call, answer)
        advice = "check the base URL" if kind is ContractError else "try again later"
        error = self._error(kind, f"{reason}; {advice}", call, answer)
        away = self.well and (answer.status in _AWAY if answer else True)
        return Again(error, after=self._retry_after(answer) if answer else None, outage=away)

    def _error(self, kind: type[E], sentence: str, call: Call, answer: Answer | None = None) -> E:
        status, excerpt = None, ""
        told = ""
        if answer:
            status = answer.status
            text = self._without_secrets(answer.body[: 80 * EXCERPT])[: 8 * EXCERPT]
            excerpt = masked(without_personal(text, *answer.asked) if text.strip() else "")
            told = f" (HTTP {status}: {excerpt})" if excerpt else f" (HTTP {status})"
        message = f"{call} at {self._host}: {sentence}{told}."
        return kind(message, call=str(call), status=status, excerpt=excerpt)

    def _without_secrets(self, body: bytes) -> str:
        text = body.decode(errors="replace")
        for secret in sorted(self._secrets, key=len, reverse=True):  # one may hold another
            text = text.replace(secret, "***")
        return text

    def _retry_after(self, answer: Answer) -> float | None:
        text = answer.headers.get("Retry-After", "").strip()
        if _SECONDS.fullmatch(text):
            return float(text)
        until = http_date(text)
        if until is None:
            return None
        # By the server's own clock where it shows it: ours may be wrong.
        now = http_date(answer.headers.get("Date", ""))
        return max(0.0, until - (self._clock() if now is None else now))


def is_stranger(cause: BaseException) -> bool:
    """Whether the server ended the TLS handshake over our certificate: then it processed nothing."""
    return any(_CERTIFICATE_ALERTS.search(str(each)) for each in (cause, cause.__cause__) if each)


def _untrusted(cause: ClientConnectorCertificateError) -> str:
    error = cause.certificate_error
    why = getattr(error, "verify_message", "") or "not trusted"
    return (
        f"the server's certificate is not accepted ({why}); if it is the right server, name its authority's "
        "certificates in OBI_CA_BUNDLE"
    )


def http_date(text: str) -> float | None:
    """POSIX seconds of an HTTP date (RFC 9110, 5.6.7), None for anything else."""
    try:
        when: datetime = parsedate_to_datetime(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _reason(cause: Exception) -> str:
    if isinstance(cause, ClientConnectorDNSError):
        return "the host name is not known"
    if isinstance(cause, ClientConnectorError):
        return cause.os_error.strerror or type(cause.os_error).__name__
    if isinstance(cause, ClientHttpProxyError):
        return f"the proxy answered HTTP {cause.status}"
    if isinstance(cause, TimeoutError):
        return "timed out"
    if isinstance(cause, DroppedError):
        return f"the connection broke ({cause})"
    return f"no whole answer came ({type(cause).__name__})"


def _target(answer: Answer) -> str:
    try:
        return URL(answer.headers.get("Location", "")).host or "another page"
    except ValueError:
        return "another page"
