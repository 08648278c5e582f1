"""`SessionRecords`: the sessions of one endpoint that its 2025-era clients hold, in memory and on disk.

A client holds an id of ours; the SDK's own session behind it is opened when it is needed, and may end long before.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import trio

from rhd.asgi import Scope
from rhd.store import session_rows as rows
from rhd.store.database import Store

MAX_OF_GRANT = 32
"""Living sessions of a grant on one endpoint; its least recently used one is ended for the next."""
MAX_ENDED_OF_GRANT = 64
"""Ended sessions of a grant that are remembered."""
MAX_PARAMETER_BYTES = 8192
MAX_URI_CHARS = 4096
ENDED_S = 86400.0
UNUSED_S = 30 * 86400.0
TOUCH_EVERY_S = 3600.0
_NOTE_KEY = "repo_harness.note_subscription"


@dataclass(eq=False, slots=True)
class Session:
    """One session.

    Attributes:
        digest: of the id that the client holds.
        ended_at: when its client or an eviction ended it; every request with its id is answered 404 since.
        sdk_id: of the SDK's session behind it, or None while there is none.
        owner: what the SDK's session is bound to.
        active: requests and streams in progress.
        streams: how many of them are streams.
        numbers: ids of the requests in progress.
        opening: held while the SDK's session is being opened.
    """

    digest: bytes
    grant_id: str
    used_at: float
    ended_at: float | None = None
    sdk_id: str | None = None
    owner: Any = None
    active: int = 0
    streams: int = 0
    touched_at: float = 0.0
    numbers: set[str] = field(default_factory=set)
    opening: trio.Lock = field(default_factory=trio.Lock)

    @contextmanager
    def in_progress(self, number: str | None) -> Iterator[None]:
        """Note the id of a request for as long as it is in progress; None for a notification."""
        if number is not None:
            self.numbers.add(number)
        try:
            yield
        finally:
            if number is not None:
                self.numbers.discard(number)

    @property
    def has_ended(self) -> bool:
        """Whether every request with its id is answered 404."""
        return self.ended_at is not None


class SessionRecords:
    """Look-ups do not wait; changes are written behind."""

    def __init__(self, store: Store, endpoint: str, clock: Callable[[], float] = time.time) -> None:
        """Make the records.

        Args:
            endpoint: `hub` or a repository's id.
        """
        self._store = store
        self._endpoint = endpoint
        self._clock = clock
        self._sessions: dict[bytes, Session] = {}

    async def load(self) -> None:
        """Read the sessions that were open when the endpoint was last served."""
        for row in await self._store.write(lambda connection: rows.read_sessions(connection, self._endpoint)):
            session = Session(row.digest, row.grant_id, row.used_at, row.ended_at, touched_at=row.used_at)
            self._sessions.setdefault(row.digest, session)
        self.sweep()

    def open(self, grant_id: str, parameters: bytes) -> tuple[str, Session]:
        """Record a new session; return the id for its client, and the session."""
        session_id = secrets.token_urlsafe(24)
        now = self._clock()
        session = Session(_digest(session_id), grant_id, now, touched_at=now)
        self._sessions[session.digest] = session
        row = rows.SessionRow(session.digest, self._endpoint, grant_id, parameters, now)
        self._store.write_later(partial(rows.save_session, row=row))
        return session_id, session

    def find(self, session_id: str | None, grant_id: str) -> Session | None:
        """Return a session, ended or not; that of another grant is unknown (CVE-2026-52869)."""
        session = self._sessions.get(_digest(session_id)) if session_id else None
        return session if session is not None and session.grant_id == grant_id else None

    def living(self, grant_id: str | None = None) -> list[Session]:
        """Return the sessions that have not ended, of one grant or of all."""
        return [
            session
            for session in self._sessions.values()
            if not session.has_ended and grant_id in (None, session.grant_id)
        ]

    async def state(self, session: Session) -> rows.SessionState | None:
        """Return what a session is opened with again, as far as it was written."""
        # In the writer's order, so that what was recorded a moment ago is in it.
        return await self._store.write(lambda connection: rows.read_session_state(connection, session.digest))

    def use(self, session: Session) -> None:
        """Record that a session is used."""
        session.used_at = self._clock()
        if session.used_at - session.touched_at > TOUCH_EVERY_S:
            session.touched_at = session.used_at
            self._store.write_later(partial(rows.touch_session, digest=session.digest, at=session.used_at))

    def note_subscription(self, session: Session, uri: str, *, is_kept: bool) -> None:
        """Record that a session subscribed to a resource, or no longer does. One of absurd length is not kept."""
        if len(uri) > MAX_URI_CHARS:
            return
        change = rows.save_uri if is_kept else rows.delete_uri
        self._store.write_later(partial(change, digest=session.digest, uri=uri))

    def end(self, session: Session) -> None:
        """Record that a session has ended. Ending it twice changes nothing."""
        if session.has_ended:
            return
        session.ended_at = self._clock()
        self._store.write_later(partial(rows.end_session, digest=session.digest, at=session.ended_at))
        self.sweep()

    def forget(self, grant_id: str) -> None:
        """Delete the sessions of a grant that has ended."""
        self._drop([session for session in self._sessions.values() if session.grant_id == grant_id])

    def sweep(self) -> None:
        """Delete what ended a day ago or was not used for a month, and what a grant has ended beyond its limit."""
        now = self._clock()
        old: list[Session] = []
        ended: dict[str, list[Session]] = {}
        for session in self._sessions.values():
            if session.ended_at is None:
                if now - session.used_at > UNUSED_S and not session.active:
                    old.append(session)
            elif now - session.ended_at > ENDED_S:
                old.append(session)
            else:
                ended.setdefault(session.grant_id, []).append(session)
        for of_grant in ended.values():
            of_grant.sort(key=lambda session: session.ended_at or 0.0)
            old += of_grant[:-MAX_ENDED_OF_GRANT]
        self._drop(old)

    def _drop(self, sessions: list[Session]) -> None:
        for session in sessions:
            self._sessions.pop(session.digest, None)
        if digests := [session.digest for session in sessions]:
            self._store.write_later(lambda connection: rows.delete_sessions(connection, digests))


def noting(records: SessionRecords, session: Session) -> dict[str, Any]:
    """Return the entry of a request's ASGI scope by which its handler records what its session subscribes to."""
    return {_NOTE_KEY: partial(records.note_subscription, session)}


def note_subscription(scope: Scope | None, uri: str, *, is_kept: bool) -> None:
    """Record a subscription of the session that a request belongs to, if it belongs to one."""
    if scope is not None and (note := scope.get(_NOTE_KEY)) is not None:
        note(uri, is_kept=is_kept)


def _digest(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode("utf-8", "surrogatepass")).digest()
