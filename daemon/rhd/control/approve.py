"""`approve`: answer a login that waits on its page with the owner's word."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from rhd.access import HUB, PROFILES
from rhd.control.lookup import PARAMS, find_profile, find_repo
from rhd.control.start import refuse_runs
from rhd.control.verb import Verb, VerbCall
from rhd.control.verb_context import VerbContext
from rhd.errors import Refusal
from rhd.oauth.login import Login, proposed_profiles
from rhd.repos.registry import Repo


async def run(request: VerbCall) -> dict[str, Any]:
    """Describe the login under a code and what approving it would grant; with `confirm`, grant it.

    Where several repositories are adopted and none was named, `choices` lists them and nothing is granted.
    """
    context, params = request.context, request.params
    login = context.authority.pending(params["code"])
    repos = await _repos(request, login)
    profiles = _profiles(login, params["profiles"])
    for repo in repos:
        if "orchestrator" in profiles and not context.registry.runs_enabled(repo.id):
            raise refuse_runs(repo)
    answer = {
        **describe_login(login),
        "repos": [r.slug for r in repos],
        "choices": [] if repos else sorted(r.slug for r in context.registry),
        "profiles": profiles,
        "approved": False,
    }
    if not params["confirm"]:
        return answer
    if not repos:
        raise Refusal(
            "the login may reach every repository that you name, and none is named",
            code="INVALID_ARGUMENT",
            next_step="Name each with --repo, or all of them with --all-repos.",
        )
    await context.authority.approve(params["code"], [r.id for r in repos], profiles)
    return {**answer, "approved": True}


def describe_login(login: Login) -> dict[str, Any]:
    """Return what the owner compares with what the client's own screen says."""
    return {
        "client": login.client.name,
        "host": login.client.host,
        "redirect_host": urlsplit(login.redirect_uri).hostname or login.redirect_uri,
        "resource": login.resource,
        "asked": [scope for scope in login.scopes if scope in PROFILES],
        "age_s": round(max(0.0, time.time() - login.began_at)),
    }


async def _repos(request: VerbCall, login: Login) -> list[Repo]:
    context, params = request.context, request.params
    if login.resource != HUB:
        return [_named(context, login.resource)]
    if params["all_repos"]:
        return sorted(context.registry, key=lambda r: r.slug)
    if params["repos"]:
        named = [await find_repo(context, _selector(each)) for each in params["repos"]]
        return list({repo.id: repo for repo in named}.values())
    adopted = list(context.registry)
    if not adopted:
        raise Refusal("no repository is adopted", code="REPO_NOT_FOUND", next_step="Adopt one with: rhctl adopt PATH")
    return adopted if len(adopted) == 1 else []


def _selector(given: Any) -> Mapping[str, Any]:
    if isinstance(given, dict) and all(isinstance(given.get(name), str | None) for name in PARAMS):
        return given
    raise Refusal("each of repos is an object with repo, path or both", code="INVALID_ARGUMENT")


def _named(context: VerbContext, slug: str) -> Repo:
    repo = context.registry.by_slug(slug)
    if repo is None:
        raise Refusal("the login is for a repository that is not adopted", code="REPO_NOT_FOUND")
    return repo


def _profiles(login: Login, given: Sequence[Any] | None) -> list[str]:
    """Return the profiles that were named, else those that are ticked on the page at first."""
    if given:
        named = {find_profile(str(each)) for each in given}
        return [p for p in PROFILES if p in named]
    return proposed_profiles(login)


VERB = Verb(
    "approve",
    run,
    {"code": str, "repos": list, "all_repos": bool, "profiles": list, "confirm": bool},
    required=("code",),
)
