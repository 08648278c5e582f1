"""Who is on the other end of an MCP connection, as its grant stands now."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rhd.access import Principal
from rhd.errors import Refusal
from rhd.ids import RepoId

CALLER_KEY = "repo_harness.caller"
"""The entry of a request's ASGI scope that holds its caller; a socket connection has it as its state."""

if TYPE_CHECKING:
    from rhd.mcpserver.unadopted_folder import UnadoptedFolder


@dataclass(frozen=True, slots=True)
class LocalClient:
    """One client that is connected over the control socket, as its owner.

    Attributes:
        id: `owner:` and the name that the bridge made up, which it keeps when it reconnects.
        name: what the client calls itself; escape before printing.
        pid: the process that connected.
        repo_id: the repository that it is served; None outside of every adopted one.
        profiles: what the owner lets it do there.
        connected_at: seconds since the epoch.
        cursor_number: the newest change when the bridge first connected; None if it does not reconnect.
    """

    id: str
    name: str
    pid: int
    repo_id: RepoId | None
    profiles: frozenset[str]
    connected_at: float
    cursor_number: int | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller: a grant over HTTP, or a peer of the control socket.

    Attributes:
        id: the grant's id, or one of our own for a socket connection; sessions and streams are bound to it.
        label: the client's name, for lists; escape before printing.
        is_owner: True for a peer of the control socket; started and stopped profiles do not concern it.
        now: returns what the caller may do at this moment, or None if its grant has ended.
        lasts_s: how long its token is still good; a stream that was opened with it ends then.
        since: of a socket peer that reconnects after a restart of the daemon, the number of the newest change when it
            first connected, by repository. None for a peer that does not reconnect.
        outside: what a socket peer is served whose working folder is in no adopted repository; None for all others.
    """

    id: str
    label: str
    is_owner: bool
    now: Callable[[], Principal | None]
    lasts_s: float = math.inf
    since: Mapping[RepoId, int] | None = None
    outside: UnadoptedFolder | None = None

    @property
    def reconnects(self) -> bool:
        """Whether the same caller may come back on another connection, and then wants to hear what it missed."""
        return not self.is_owner or self.since is not None

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
