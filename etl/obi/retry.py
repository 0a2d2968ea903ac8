"""Another attempt, where one is allowed: the only place that knows tenacity.

Whether another attempt *is* allowed is not decided here: whoever fails raises ``Again`` if so, and anything
else if not.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar, cast

from msgspec import Struct
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from etl.errors import ApiError, ThrottledError

P = ParamSpec("P")
T = TypeVar("T")


_OUTAGE = 3
"""Times the repeats while a server that was well is away: with the default pauses, about a minute or two."""


class Again(Exception):  # noqa: N818  -- no error yet: the error is inside
    """An attempt failed in a way that allows another.

    ``error`` is what it comes to if there is none. ``after`` is the seconds that the server asked to wait,
    None where it did not say. ``outage`` says that a server that was well before is away, or has enough.
    """

    def __init__(self, error: ApiError, *, after: float | None = None, outage: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.after = after
        self.outage = outage


class RetryNotice(Struct, frozen=True, kw_only=True):
    """Attempt number ``attempt`` of ``call`` failed for ``reason``; the next comes in ``wait`` seconds.

    ``slow_down`` says that the server asked for that wait, or for fewer requests.
    """

    call: str
    attempt: int
    wait: float
    reason: str
    slow_down: bool = False


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """How often and how long: ``attempts`` in all, within ``seconds``.

    The wait is drawn between nothing and ``backoff`` seconds, doubled each time up to ``backoff_max`` (full
    jitter: clients that failed together do not come back together). A wait that the server asked for is
    kept, plus a jitter of up to ``backoff``, but never beyond ``backoff_max``. In an ``outage`` there are
    three times as many repeats: a restart takes longer than a hiccup.
    """

    attempts: int
    seconds: float
    backoff: float
    backoff_max: float

    def wait(self, attempt: int, *, after: float | None, chance: float) -> float:
        """Seconds to wait after the failed attempt number ``attempt``; ``chance`` in [0, 1) is the dice."""
        if after is not None and after > 0:
            return min(after + chance * self.backoff, self.backoff_max)
        exponent = min(attempt - 1, 64)  # 2.0 ** 1024 would overflow
        return float(chance * min(self.backoff * 2.0**exponent, self.backoff_max))

    def ends(self, attempt: int, *, spent: float, outage: bool = False) -> bool:
        """True if the failed attempt number ``attempt`` was the last one.

        ``spent`` is the seconds from the call's beginning to the end of the wait that would come now.
        """
        repeats = (self.attempts - 1) * (_OUTAGE if outage else 1)
        return attempt > repeats or spent > self.seconds


class Retrier:
    """Runs attempts one after the other until one does not raise ``Again``, or the policy ends it.

    ``sleep`` waits, ``dice`` gives the jitter in [0, 1), ``notice`` is told before each wait.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        *,
        sleep: Callable[[float], Awaitable[None]],
        dice: Callable[[], float],
        notice: Callable[[RetryNotice], None],
    ) -> None:
        self._policy = policy
        self._sleep = sleep
        self._dice = dice
        self._notice = notice

    async def __call__(self, attempt: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``attempt(*args, **kwargs)`` gives; raises the error of the last attempt."""
        started = time.monotonic()
        try:
            # Nearly every call ends here, and tenacity would make it dearer by a quarter.
            return await attempt(*args, **kwargs)
        except Again as again:
            failed: Again | None = again

        async def go_on() -> T:
            nonlocal failed
            if failed:
                first, failed = failed, None
                raise first
            return await attempt(*args, **kwargs)

        try:
            return cast("T", await self._retrying(started)(go_on))
        except Again as again:
            raise again.error from None

    def _retrying(self, started: float) -> AsyncRetrying:
        return AsyncRetrying(
            sleep=self._sleep,
            retry=retry_if_exception_type(Again),
            wait=lambda state: self._policy.wait(
                state.attempt_number, after=_failure(state).after, chance=self._dice()
            ),
            stop=lambda state: self._policy.ends(
                state.attempt_number,
                # Time asleep counts even where a test's sleep takes none.
                spent=max(time.monotonic() - started, state.idle_for) + state.upcoming_sleep,
                outage=_failure(state).outage,
            ),
            before_sleep=self._before_sleep,
            reraise=True,
        )

    def _before_sleep(self, state: RetryCallState) -> None:
        failure = _failure(state)
        self._notice(
            RetryNotice(
                call=failure.error.call,
                attempt=state.attempt_number,
                wait=state.upcoming_sleep,
                reason=str(failure.error),
                slow_down=failure.after is not None or isinstance(failure.error, ThrottledError),
            )
        )


def _failure(state: RetryCallState) -> Again:
    """What the last attempt raised; tenacity asks only after it has seen that it was an ``Again``."""
    return cast("Again", state.outcome.exception() if state.outcome else None)
