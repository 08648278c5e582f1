"""`Waits`: bounded waits for something to happen, all ended when the daemon drains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio


class Waits:
    """The waits of one kind. Once ended, each wait is over before it begins."""

    def __init__(self) -> None:
        self._scopes: set[trio.CancelScope] = set()
        self._is_over = False

    @contextmanager
    def at_most(self, seconds: float) -> Iterator[None]:
        """Leave the block at its next checkpoint after that time, or when waits are ended."""
        with trio.move_on_after(0 if self._is_over else seconds) as scope:
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.discard(scope)

    def end(self) -> None:
        """End every wait: what was asked is answered with what is known now."""
        self._is_over = True
        for scope in self._scopes:
            scope.cancel()
