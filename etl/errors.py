"""Everything that can stop a run, as one tree, grouped by what the caller does about it.

::

    EtlError                     exit code 1
    ├── ConfigError              3   settings: mend them; nothing was sent
    │   ├── ProfileError             the mapping profile, or a guess that needs one
    │   ├── CampaignError            unknown, ambiguous or unfit campaign
    │   └── OutputError              a results path that can't be written
    ├── InputError               4   the lead file is unreadable or unsound; nothing was sent
    ├── StoppedError             5   a limit the user set was reached (strict, canary, …)
    ├── ApiError                     what the interface answered, or that it didn't
    │   ├── RefusedError         9   a 4xx: certain that nothing was processed
    │   │   ├── BadRequestError      400 (and other 4xx): something in the body
    │   │   ├── TooLargeError        413: send fewer
    │   │   ├── NotFoundError    3   404: campaign or customer is not there
    │   │   ├── UnfitRequestError    405, 406, 415: the base URL answers, but not as OBI does
    │   │   └── NotAuthorisedError 6 401, 403, 407, a redirect (to a login page, mostly)
    │   ├── UnavailableError     7   try again later
    │   │   ├── UnreachableError     no connection: certain that nothing was processed
    │   │   ├── ThrottledError       429 to the last attempt: the same
    │   │   └── UnknownOutcomeError  a POST, PUT or DELETE that may or may not have been processed
    │   └── ContractError        9   an answer that breaks the interface's contract
    ├── StateError               8   journal and locks
    │   ├── LockedError              another load into this campaign is running
    │   ├── InputChangedError        the input is not what the run began with
    │   └── DiskFullError            free some space and resume
    └── InterruptedRunError    130   stopped by the user

What is wrong with a *row* is never an exception: it is data (``records.RowOutcome``).
"""

from __future__ import annotations


class EtlError(Exception):
    """One sentence that says what is wrong, where, and what to do next.

    ``exit_code`` is what the command ends with when this error stopped it.
    """

    exit_code = 1


class ConfigError(EtlError):
    """A setting is missing or wrong; nothing was sent."""

    exit_code = 3


class ProfileError(ConfigError):
    """The mapping profile can't be read or does not fit the input."""


class CampaignError(ConfigError):
    """The campaign is unknown, ambiguous, or not fit to be loaded."""


class OutputError(ConfigError):
    """A results, rejects or report path that can't be written."""


class InputError(EtlError):
    """The lead file is unreadable or unsound; nothing was sent."""

    exit_code = 4


class StoppedError(EtlError):
    """A limit that the user set was reached; ``go_on`` is the option that a resume needs to go beyond it."""

    exit_code = 5

    def __init__(self, message: str, *, go_on: str = "") -> None:
        super().__init__(message)
        self.go_on = go_on


class ApiError(EtlError):
    """What the interface answered to ``call`` (``"POST customers/list"``).

    ``status`` is the HTTP status, None where there was no answer. ``excerpt`` is the beginning of the
    body with personal data masked.
    """

    exit_code = 9

    def __init__(self, message: str, *, call: str = "", status: int | None = None, excerpt: str = "") -> None:
        super().__init__(message)
        self.call = call
        self.status = status
        self.excerpt = excerpt


class RefusedError(ApiError):
    """The server refused the request: certain that nothing of it was processed."""


class BadRequestError(RefusedError):
    """400 and its like: something in the body is wrong.

    ``body`` is the answer in clear, for the row it belongs to; it must not be logged.
    """

    def __init__(self, message: str, *, body: str = "", call: str, status: int, excerpt: str = "") -> None:
        super().__init__(message, call=call, status=status, excerpt=excerpt)
        self.body = body


class TooLargeError(RefusedError):
    """413: the same content in smaller requests may pass."""


class NotFoundError(RefusedError):
    """404: the campaign or customer is not there."""

    exit_code = 3


class UnfitRequestError(RefusedError):
    """405, 406 or 415: something answers at the base URL, and it is not OBI v1."""


class NotAuthorisedError(RefusedError):
    """401, 403, 407, or a redirect to a login page."""

    exit_code = 6


class UnavailableError(ApiError):
    """The interface can't be reached or does not answer; the run can be resumed."""

    exit_code = 7


class UnreachableError(UnavailableError):
    """No connection came about: certain that nothing was processed."""


class ThrottledError(UnavailableError):
    """429 to the last attempt: not processed.

    ``retry_after`` is the seconds that the server asked for last, None where it did not say.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        call: str = "",
        status: int | None = None,
        excerpt: str = "",
    ) -> None:
        super().__init__(message, call=call, status=status, excerpt=excerpt)
        self.retry_after = retry_after


class UnknownOutcomeError(UnavailableError):
    """A request that changes something, and nobody can tell from the answer whether it did."""


class ContractError(ApiError):
    """A readable answer that the interface's document does not allow."""


class StateError(EtlError):
    """The state folder: journal, spool, locks."""

    exit_code = 8


class LockedError(StateError):
    """Another process works on the same campaign or run."""


class InputChangedError(StateError):
    """The input is not what the run began with."""


class DiskFullError(StateError):
    """No space left for the journal or the results."""


class InterruptedRunError(EtlError):
    """Stopped by the user; the run can be resumed."""

    exit_code = 130
