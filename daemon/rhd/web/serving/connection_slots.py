"""`ConnectionSlots`: which connections may be open, and which one is evicted for the next.

A connection is *known* while its last request had a valid token, else it is *unauthenticated*. Unauthenticated
connections have a limit of their own, so that they cannot take the slots of known ones, and a lower one for requests
that are not complete. Behind a tunnel one connection carries the requests of many clients: each request decides anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class Evictable(Protocol):
    """A connection."""

    def abort(self) -> None:
        """Break it off; it leaves its slot at once or soon after."""


class ConnectionSlots:
    """Keeps connections in the order in which they would be evicted.

    Attributes:
        evictions: how many were evicted so far.
    """

    def __init__(self, most: int, most_unauthenticated: int, most_unfinished: int, most_of_owner: int) -> None:
        """Make the slots.

        Args:
            most: connections at once.
            most_unauthenticated: of them, those that have shown no valid token.
            most_unfinished: of those, the ones with a part of a request.
            most_of_owner: known connections of one grant.
        """
        self._most = most
        self._most_unauthenticated = most_unauthenticated
        self._most_unfinished = most_unfinished
        self._most_of_owner = most_of_owner
        self._unauthenticated_idle: dict[Evictable, None] = {}
        self._unfinished: dict[Evictable, None] = {}
        self._unauthenticated_busy: dict[Evictable, None] = {}
        self._known_idle: dict[Evictable, None] = {}
        self._owners: dict[Evictable, str] = {}
        self._of_owner: dict[str, dict[Evictable, None]] = {}
        self._leaving: set[Evictable] = set()
        self.evictions = 0

    @property
    def is_full(self) -> bool:
        """Whether no connection can be accepted, and none gives way."""
        return self._count() >= self._most and self._oldest() is None

    def enter(self, connection: Evictable) -> None:
        """Give a slot to a new connection, evicting another one if need be. The caller has checked `is_full`."""
        if len(self) >= self._most or self._count_unauthenticated() >= self._most_unauthenticated:
            self._evict(self._oldest())
        self._unauthenticated_idle[connection] = None

    def make_room(self) -> None:
        """Evict one connection, if one gives way."""
        self._evict(self._oldest())

    def begin(self, connection: Evictable) -> None:
        """Note that a part of a request has been read: its sender is not known yet."""
        self._forget(connection)
        self._unfinished[connection] = None
        if len(self._unfinished) > self._most_unfinished:
            self._evict(next(iter(self._unfinished)))

    def complete(self, connection: Evictable) -> None:
        """Learn that the request is complete."""
        if connection in self._unfinished:
            del self._unfinished[connection]
            self._unauthenticated_busy[connection] = None

    def authenticate(self, connection: Evictable, owner: str) -> bool:
        """Make a connection known; return False if its owner has too many, all of them in a request.

        Args:
            owner: the grant that the request's token belongs to.
        """
        if connection in self._leaving:
            return True
        mine = self._of_owner.setdefault(owner, {})
        if len(mine) >= self._most_of_owner:
            idle = next((each for each in mine if each in self._known_idle), None)
            if idle is None:
                return False
            self._evict(idle)
            mine = self._of_owner.setdefault(owner, {})
        self._forget(connection)
        mine[connection] = None
        self._owners[connection] = owner
        return True

    def rest(self, connection: Evictable) -> None:
        """Learn that a connection is between two requests."""
        if connection in self._owners:
            self._known_idle[connection] = None
        elif connection not in self._leaving:
            self._forget(connection)
            self._unauthenticated_idle[connection] = None

    def leave(self, connection: Evictable) -> None:
        """Learn that a connection is over."""
        self._forget(connection)
        self._leaving.discard(connection)

    def __len__(self) -> int:
        return self._count()

    def _count(self) -> int:
        return self._count_unauthenticated() + len(self._owners)

    def _count_unauthenticated(self) -> int:
        return len(self._unauthenticated_idle) + len(self._unfinished) + len(self._unauthenticated_busy)

    def _oldest(self) -> Evictable | None:
        """Return the connection to evict next: idle, unfinished request, idle known one, complete request."""
        groups: Iterable[dict[Evictable, None]] = (self._unauthenticated_idle, self._unfinished)
        if self._count_unauthenticated() < self._most_unauthenticated:
            groups = (*groups, self._known_idle)
        for group in (*groups, self._unauthenticated_busy):
            for connection in group:
                return connection
        return None

    def _evict(self, connection: Evictable | None) -> None:
        if connection is not None:
            self._forget(connection)
            self._leaving.add(connection)
            self.evictions += 1
            connection.abort()

    def _forget(self, connection: Evictable) -> None:
        for group in (self._unauthenticated_idle, self._unfinished, self._unauthenticated_busy, self._known_idle):
            group.pop(connection, None)
        if (owner := self._owners.pop(connection, None)) is not None:
            mine = self._of_owner[owner]
            del mine[connection]
            if not mine:
                del self._of_owner[owner]
