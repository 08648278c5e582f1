"""`doctor-live`: the daemon logs in to itself as a client would, calls a tool, and removes what it made."""

from __future__ import annotations

from contextlib import aclosing
from functools import partial
from typing import Any

import trio

from rhd.control.lookup import PARAMS, find_repo
from rhd.control.verb import Verb, VerbCall
from rhd.control.verb_context import VerbContext
from rhd.doctor.live_login import LiveLogin, Step
from rhd.errors import Refusal
from rhd.repos.registry import Repo
from rhd.store.meta import get_or_make


async def run(request: VerbCall) -> dict[str, Any]:
    """Emit each step as a `step` event, and return them all; a client that leaves ends the walk.

    The approval is the owner's: only the owner can connect to this socket, and may approve logins here anyway.
    """
    context = request.context
    repo = await find_repo(context, request.params) if request.params["repo"] is not None else _choose(context)
    instance = await context.store.read(partial(get_or_make, key="instance"))
    origin = context.settings.public_url or context.url
    live = LiveLogin(
        context.authority,
        repo,
        origin=origin,
        local=context.url,
        instance=instance.hex(),
        rhctl=context.home.client(),
    )
    request.connection.stay_open()
    steps: list[Step] = []
    is_over = False
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_when_gone, request, nursery.cancel_scope)
        async with context.authority.trials.one(), aclosing(live.walk()) as walk:
            async for step in walk:
                steps.append(step)
                try:
                    await request.connection.emit("step", step.to_json())
                except trio.BrokenResourceError:  # through the nursery it would be wrapped
                    break
            else:
                is_over = True
        nursery.cancel_scope.cancel()
    if not is_over:
        raise trio.BrokenResourceError("the client has left")
    return {
        "url": f"{origin}/mcp",
        "public": context.settings.public_url is not None,
        "repo": repo.slug,
        "ok": all(step.is_ok for step in steps),
        "steps": [step.to_json() for step in steps],
    }


async def _cancel_when_gone(request: VerbCall, scope: trio.CancelScope) -> None:
    await request.connection.wait_closed()
    scope.cancel()


def _choose(context: VerbContext) -> Repo:
    """Return a repository that is served to HTTP clients, if there is one; else any."""
    repos = sorted(context.registry, key=lambda repo: repo.slug)
    if not repos:
        raise Refusal("no repository is adopted", code="REPO_NOT_FOUND", next_step="Adopt one with: rhctl adopt PATH")
    ready = (r for r in repos if "planner" in context.registry.profiles(r.id) and context.services.get(r.id).is_served)
    return next(ready, repos[0])


VERB = Verb("doctor-live", run, PARAMS)
