"""`PendingHints`: what may have changed in a repository, collected until its owner is free to scan it."""

from __future__ import annotations

import math
from typing import NamedTuple

import trio

Folders = frozenset[str] | None
"""Folders that may have changed; None: any."""


class DueScan(NamedTuple):
    """What the owner scans now.

    Attributes:
        folders: which to list.
        via: how the first of these hints was noticed.
        since: when it was given, in trio's time.
    """

    folders: Folders
    via: str
    since: float


class PendingHints:
    """Hints that were given since the last scan, and scans that are due later. For use in trio's thread."""

    def __init__(self) -> None:
        self._is_hinted = False
        self._folders: set[str] | None = set()
        self._via = ""
        self._since = math.inf
        self._later: list[tuple[float, Folders, str]] = []
        self._not_before = -math.inf

    def add(self, folders: Folders, via: str) -> None:
        """Note that these folders may have changed. The scan carries the `via` of the first hint."""
        if not self._is_hinted:
            self._is_hinted, self._via, self._since = True, via, trio.current_time()
        if folders is None:
            self._folders = None
        elif self._folders is not None:
            self._folders |= folders

    def replace(self, folders: Folders, via: str) -> None:
        """Forget the hints so far, and have these folders scanned."""
        self._is_hinted, self._folders = False, set()
        self.add(folders, via)

    def add_later(self, folders: frozenset[str], via: str, after_s: float) -> None:
        """Have these folders scanned `after_s` seconds from now."""
        self._later.append((trio.current_time() + after_s, folders, via))

    def pause(self, for_s: float) -> None:
        """Have nothing scanned for a time."""
        self._not_before = trio.current_time() + for_s

    @property
    def next_due(self) -> float:
        """When `take` may return a scan, in trio's time; infinity while nothing is pending."""
        due = [at for at, *_ in self._later]
        return min([*due, self._not_before] if self._is_hinted else due, default=math.inf)

    def take(self) -> DueScan | None:
        """Return the scan that is due now, or None; its hints are no longer pending."""
        now = trio.current_time()
        for entry in [entry for entry in self._later if entry[0] <= now]:
            self._later.remove(entry)
            self.add(entry[1], entry[2])
        if not self._is_hinted or now < self._not_before:
            return None
        folders, self._folders = self._folders, set()
        self._is_hinted = False
        return DueScan(None if folders is None else frozenset(folders), self._via, self._since)
