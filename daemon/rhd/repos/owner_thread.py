"""`OwnerThread`: the owner's calls to the file system, one at a time, and what it means that one does not return."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import trio

from rhd.hosting.thread_call import ThreadCall
from rhd.repos.problems import RepoProblem

T = TypeVar("T")
log = logging.getLogger(__name__)

HANGS_AFTER_S = 10.0
"""A call that takes longer is a problem of the repository, until it returns."""


class OwnerThread:
    """For one repository's owner.

    Attributes:
        hang: what is wrong while a call hangs; else None.
    """

    def __init__(self, name: str, *, on_hang: Callable[[], None], on_return: Callable[[], None]) -> None:
        """Make it.

        Args:
            name: of the repository, for the log.
            on_hang: called when a call has hung for `HANGS_AFTER_S`.
            on_return: called when that call has returned after all.
        """
        self.hang: RepoProblem | None = None
        self._name = name
        self._on_hang = on_hang
        self._on_return = on_return

    async def run(self, function: Callable[[], T]) -> T:
        """Run `function` in a thread and return its result, however long it takes: it may still write.

        Cancelling leaves the thread to end by itself.
        """
        call = ThreadCall(function)
        with trio.move_on_after(HANGS_AFTER_S):
            await call.done.wait()
        if not call.done.is_set():
            log.error("repo-hangs repo=%s", self._name)
            self.hang = RepoProblem.make(
                "TIMEOUT", f"the repository's file system has not answered for {HANGS_AFTER_S:g} seconds"
            )
            self._on_hang()
            await call.done.wait()
            log.warning("repo-answers-again repo=%s", self._name)
            self.hang = None
            self._on_return()
        return await call.result()
