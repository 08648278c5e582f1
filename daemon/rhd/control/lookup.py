"""Finds the repository that a request names, by slug or by a path inside it, and the profile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from functools import partial
from typing import Any

from rhd.access import PROFILES
from rhd.control.verb_context import VerbContext
from rhd.errors import Refusal
from rhd.repos.registry import Repo
from rhd.workflow.git import FoundRepository, find_repository
from rhd.workflow.os_errors import path_not_found
from rhd.workflow.root import is_there

PARAMS: Mapping[str, type] = {"repo": str, "path": str}
"""`repo`: what was typed; `path`: the absolute real path of it, or of the current folder."""

MAX_NAMED = 12
"""How many repositories a refusal lists."""

LOOK_WITHIN_S = 2.0
"""How long the file system is asked which repository a path is in; then the registry alone answers."""


async def find_repo(context: VerbContext, params: Mapping[str, Any]) -> Repo:
    """Return the adopted repository that `repo` or `path` names.

    Raises:
        Refusal: REPO_NOT_FOUND, REPO_NOT_ADOPTED, PATH_NOT_FOUND, or TIMEOUT: the path is in no adopted repository,
            and its file system does not answer.
    """
    typed, path = params.get("repo"), params.get("path")
    if typed is not None and (named := context.registry.by_slug(typed) or context.registry.get(typed)):
        return named
    if path is not None and path.startswith("/"):
        if (named := context.registry.by_path(path)) is not None:  # whether or not its file system answers
            return named
        around = context.registry.around(path)
        try:
            found, is_typing_error = await context.services.path_threads.run(
                path, partial(_look, path), within_s=LOOK_WITHIN_S
            )
        except Refusal:
            if around is None:
                raise
            return around
        if typed is not None and is_typing_error and (found.path is not None or around is None):
            raise path_not_found(path)
        # Where there is no repository any more, the one that was adopted there is still meant.
        repo = context.registry.by_path(found.path) if found.path is not None else around
        if repo is not None:
            return repo
        if found.path is not None:
            raise Refusal(
                f"the repository {found.path} is not adopted",
                code="REPO_NOT_ADOPTED",
                next_step=f"Adopt it: rhctl adopt {found.path}",
            )
    if typed is not None:
        near = get_close_matches(typed, [repo.slug for repo in context.registry], 1)
        raise Refusal(
            f"no repository {typed[:80]!r} is adopted ({_adopted(context)})",
            code="REPO_NOT_FOUND",
            next_step=f"Did you mean {near[0]}? List them with: rhctl repos" if near else "List them with: rhctl repos",
        )
    raise Refusal(
        f"the current folder is in no adopted repository ({_adopted(context)})",
        code="REPO_NOT_FOUND",
        next_step="Name one of them, or adopt the repository here with: rhctl adopt",
    )


def _look(path: str) -> tuple[FoundRepository, bool]:
    return find_repository(path), not is_there(path)


def _adopted(context: VerbContext) -> str:
    slugs = sorted(repo.slug for repo in context.registry)
    more = f" and {len(slugs) - MAX_NAMED} more" if len(slugs) > MAX_NAMED else ""
    return f"adopted: {', '.join(slugs[:MAX_NAMED])}{more}" if slugs else "none is adopted"


async def find_repos(context: VerbContext, params: Mapping[str, Any]) -> list[Repo]:
    """Return the repository that was named, or all of them if none was."""
    if params.get("repo") is None:
        return sorted(context.registry, key=lambda r: r.slug)
    return [await find_repo(context, params)]


def find_profile(typed: str) -> str:
    """Return the name of a profile that exists.

    Raises:
        Refusal: INVALID_ARGUMENT.
    """
    if typed not in PROFILES:
        raise Refusal(f"there is no profile {typed[:40]!r}; known: {', '.join(PROFILES)}", code="INVALID_ARGUMENT")
    return typed


def parse_moment(text: str | None) -> float | None:
    """Return the moment that `since` names, in seconds since the epoch; None if it names none.

    Raises:
        Refusal: INVALID_ARGUMENT, it is no time with an offset.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Refusal("since must be a time as 2026-11-22T10:00:00Z", code="INVALID_ARGUMENT")
    return moment.timestamp()
