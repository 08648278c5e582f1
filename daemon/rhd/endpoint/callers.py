"""Who is on the other end of an MCP connection, as its grant stands now."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from rhd.access import PROFILES, Principal
from rhd.errors import Refusal
from rhd.ids import RepoId


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


def acting_profile(allowed: tuple[str, ...], granted: frozenset[str], running: frozenset[str] | None) -> str:
    """Return the profile that acts: the first of planner, executor, orchestrator that is allowed, granted and running.

    Args:
        allowed: the profiles that have the tool.
        granted: what the caller holds on the repository.
        running: what is started there, or None if that does not concern the caller.

    Raises:
        Refusal: PROFILE_NOT_GRANTED or PROFILE_STOPPED.
    """
    held = [name for name in PROFILES if name in allowed and name in granted]
    if not held:
        names = " or ".join(name for name in PROFILES if name in allowed)
        raise Refusal(
            f"this needs the profile {names}, which the grant does not hold here",
            code="PROFILE_NOT_GRANTED",
            details={"profiles": list(allowed)},
        )
    active = [name for name in held if running is None or name in running]
    if not active:
        raise Refusal(
            f"the profile {held[0]} is granted, but stopped on this repository",
            code="PROFILE_STOPPED",
            next_step=f"Ask the owner to run: rhctl start --profile {held[0]}",
            details={"profile": held[0]},
        )
    return active[0]
