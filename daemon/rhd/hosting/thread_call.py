"""`ThreadCall`: a blocking call in a thread, which can be waited for, given up, and waited for again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class ThreadCall(Generic[T]):
    """One call, running from the moment it is made.

    Cancelling `result` ends the wait and not the call, since a thread cannot be stopped. The thread is a daemon
    thread, so it does not hold up the end of the process. `trio.to_thread.run_sync` drops the result of a call that
    was abandoned; here it can still be waited for.

    Attributes:
        done: set, on trio's thread, once the call has returned or raised.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        self.done = trio.Event()
        self._function = function
        self._value: T | None = None
        self._error: BaseException | None = None
        self._token = trio.lowlevel.current_trio_token()
        trio.lowlevel.start_thread_soon(self._run, self._tell)

    async def result(self) -> T:
        """Return what the call returned, or raise what it raised, once it is done.

        Raises:
            BaseException: whatever the function raised.
        """
        await self.done.wait()
        error, self._error = self._error, None
        if error is not None:
            raise error
        return self._value  # type: ignore[return-value]

    def _run(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:
            self._error = error

    def _tell(self, _: object) -> None:
        with suppress(trio.RunFinishedError):  # the daemon has ended meanwhile
            self._token.run_sync_soon(self.done.set)
