"""What happens when something in a connection fails: it is said once, without content, and goes no further."""

from __future__ import annotations

import logging
import traceback
from math import inf

import trio

_PASSING = (trio.Cancelled, KeyboardInterrupt, GeneratorExit)


def contain(error: BaseException, where: str, log: logging.Logger) -> BaseException | None:
    """Log what went wrong in one connection; return what has to go on: cancellation from outside, and Ctrl-C.

    Call it from a task that nothing but scopes from outside of the connection surrounds.
    """
    passing, failed = _split(error, _PASSING)
    if passing is not None and _split(passing, trio.Cancelled)[1] is None and trio.current_effective_deadline() != -inf:
        # No scope around us is cancelled: a scope's exception escaped from its scope, as it does when an app leaves
        # one open in a generator. No scope further out would stop it either; it would end the daemon.
        passing, failed = None, error
    if failed is not None:
        log.error("%s failed: %s", where, "; ".join(_describe(failed)))
    return passing


def _split(
    error: BaseException, kinds: type[BaseException] | tuple[type[BaseException], ...]
) -> tuple[BaseException | None, BaseException | None]:
    """Return the parts of `error`, a group or not, that are of these kinds and that are not."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(kinds)
    return (error, None) if isinstance(error, kinds) else (None, error)


def _describe(error: BaseException) -> list[str]:
    """Say what was raised and where, but not its message: that may quote a token or a file."""
    if isinstance(error, BaseExceptionGroup):
        return [text for inner in error.exceptions for text in _describe(inner)]
    frames = [f"{frame.f_globals.get('__name__')}:{line}" for frame, line in traceback.walk_tb(error.__traceback__)]
    return [f"{type(error).__qualname__} at {' > '.join(frames[-4:])}"]
