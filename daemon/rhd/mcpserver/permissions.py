"""What a caller was granted, as its grant stands now: which repositories, and through which profiles."""

from __future__ import annotations

from collections.abc import Collection

from rhd.access import PROFILES, Principal, Profile
from rhd.errors import Refusal
from rhd.ids import RepoId
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.tool_context import ToolContext
from rhd.repos.registry import Repo


def granted_profiles(principal: Principal, repo_id: RepoId | None) -> frozenset[str]:
    """Return the profiles that decide which tools a caller is shown: of one repository, or of any on the hub."""
    if repo_id is not None:
        return principal.profiles.get(repo_id, frozenset())
    return frozenset[str]().union(*principal.profiles.values())


def granted_repos(context: ToolContext, principal: Principal) -> list[Repo]:
    """Return the adopted repositories that a caller was granted, in the order of their slugs."""
    return sorted((r for r in context.registry if principal.profiles.get(r.id)), key=lambda r: r.slug)


def readable_profiles(context: ToolContext, caller: Caller, repo_id: RepoId) -> tuple[Profile, ...]:
    """Return the profiles through which a caller reads a repository now: granted, and running where that counts."""
    names = caller.principal().profiles.get(repo_id, frozenset())
    if not caller.is_owner:
        names &= context.registry.profiles(repo_id)
    return tuple(profile for name, profile in PROFILES.items() if name in names)


def acting_profiles(context: ToolContext, caller: Caller, repo: Repo, allowed: Collection[str]) -> list[Profile]:
    """Return the profiles that may act for a caller in a repository, the first of which does unless one is asked for.

    Args:
        allowed: the names of those that the tool has.

    Raises:
        Refusal: PROFILE_NOT_GRANTED or PROFILE_STOPPED.
    """
    granted = caller.principal().profiles.get(repo.id, frozenset())
    held = [profile for name, profile in PROFILES.items() if name in allowed and name in granted]
    if not held:
        names = [name for name in PROFILES if name in allowed]
        raise Refusal(
            f"this needs the profile {' or '.join(names)}, which is not granted here",
            code="PROFILE_NOT_GRANTED",
            next_step=(
                f"Connect with --profile {names[0]}, or without --profile."
                if caller.is_owner
                else f"Ask the owner to run: rhctl grant {caller.id} {repo.slug} --profile {names[0]}"
            ),
            details={"profiles": names},
        )
    running = granted if caller.is_owner else context.registry.profiles(repo.id)
    active = [profile for profile in held if profile.name in running]
    if not active:
        raise Refusal(
            f"the profile {held[0].name} is granted, but stopped on this repository",
            code="PROFILE_STOPPED",
            next_step=f"Ask the owner to run: rhctl start {repo.slug} --profile {held[0].name}",
            details={"profile": held[0].name},
        )
    return active


def choose_repo(context: ToolContext, principal: Principal, wanted: str | None) -> Repo:
    """Return the granted repository that a caller means on the hub.

    Args:
        wanted: slug, id or name, with or without a slash behind it; None means the only one.

    Raises:
        Refusal: REPO_NOT_FOUND, it is not granted (as if it were unknown), or several could be meant.
    """
    granted = granted_repos(context, principal)
    if wanted is None:
        found, said = granted, "several repositories are granted; say in repo which one is meant"
    else:
        plain = wanted.strip().strip("/")
        found = [r for r in granted if plain in (r.slug, r.id)]
        found = found or [r for r in granted if plain.casefold() in (r.slug, r.name.casefold())]
        said = "several granted repositories have that name; say the slug of one in repo"
    if len(found) == 1:
        return found[0]
    if not found:
        said = "no repository of that name is granted" if granted else "no repository is granted"
    raise Refusal(said, code="REPO_NOT_FOUND", details={"repos": [r.slug for r in granted]})
