"""`passphrase`: check the copy that people read, or replace the passphrase."""

from __future__ import annotations

from typing import Any

from rhd.control.lookup import PARAMS, find_repo
from rhd.control.status import describe_problem
from rhd.control.verb import Verb, VerbCall
from rhd.errors import Refusal
from rhd.repos.passphrase_copy import write_copy
from rhd.repos.registry import digest_passphrase
from rhd.repos.scaffold import COPY


async def run(request: VerbCall) -> dict[str, Any]:
    """Answer `check` (is this the passphrase?) or `rotate`, which drops what it opened unless `drop` is false."""
    context, params = request.context, request.params
    repo = await find_repo(context, params)
    action = params["action"]
    answer = {"slug": repo.slug, "path": repo.path, "file": COPY}
    if action == "check":
        given = params["passphrase"]
        is_right = given is not None and digest_passphrase(given) == repo.passphrase
        return {**answer, "is_right": is_right, "problem": describe_problem(context, repo)}
    if action != "rotate":
        raise Refusal("action must be check or rotate", code="INVALID_ARGUMENT")
    is_dropping = params["drop"] is not False
    ended = len(context.authority.clients(repo.id)) if is_dropping else 0
    passphrase = await context.authority.rotate(repo.id, drop=is_dropping)
    problem = await write_copy(context.services, repo.id, passphrase)
    # Told here and only here, to the owner's own process: the copy could not be read back otherwise.
    return {
        **answer,
        "passphrase": passphrase,
        "dropped": is_dropping,
        "ended": ended,
        "copy_problem": problem.message if problem is not None else None,
    }


VERB = Verb("passphrase", run, {**PARAMS, "action": str, "passphrase": str, "drop": bool}, required=("action",))
