"""Who is on the other end of an MCP connection, as its grant stands now."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from rhd.access import Principal
from rhd.errors import Refusal
from rhd.ids import RepoId

CALLER_KEY = "repo_harness.caller"
"""The entry of a request's ASGI scope that holds its caller; a socket connection has it as its state."""


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller: a grant over HTTP, or a peer of the control socket.

    Attributes:
        id: the grant's id, or one of our own for a socket connection; sessions and streams are bound to it.
        label: the client's name, for lists; escape before printing.
        is_owner: True for a peer of the control socket; started and stopped profiles do not concern it.
        now: returns what the caller may do at this moment, or None if its grant has ended.
        lasts_s: how long its token is still good; a stream that was opened with it ends then.
    """

    id: str
    label: str
    is_owner: bool
    now: Callable[[], Principal | None]
    lasts_s: float = math.inf

    @property
    def identity(self) -> str:
        """Who it is, whatever connection it comes over: the grant, or the owner."""
        return "owner" if self.is_owner else self.id

    def principal(self) -> Principal:
        """Return what the caller may do now.

        Raises:
            Refusal: REPO_NOT_FOUND, the grant has ended since the request was admitted.
        """
        principal = self.now()
        if principal is None:
            raise Refusal("the grant has ended", code="REPO_NOT_FOUND", next_step="Authorize the connector again.")
        return principal

    def hears(self, repo_id: RepoId) -> frozenset[str]:
        """Return the profiles through which the caller may be told of this repository; none if it is not granted."""
        principal = self.now()
        return principal.profiles.get(repo_id, frozenset()) if principal is not None else frozenset()
