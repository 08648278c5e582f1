"""`config`: the settings, each with where its value comes from; records one in the file, or takes it out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import trio

from rhd.control.verb import Verb, VerbCall
from rhd.control.verb_context import VerbContext
from rhd.errors import Refusal, StartRefused
from rhd.settings import Settings, parse_origin, write_file

ACTIONS = ("show", "set", "unset")
UPPER_ORIGINS = ("environment", "flag")
"""What wins over the file."""


async def run(request: VerbCall) -> dict[str, Any]:
    """Answer `show`, or `set` or `unset` a setting in the file; what can be taken over is in force from then on."""
    context, params = request.context, request.params
    action, key, value = params["action"], params["key"], params["value"]
    if action not in ACTIONS or (action == "show") != (key is None) or (action == "set") != (value is not None):
        raise Refusal("config takes show, set with key and value, or unset with key", code="INVALID_ARGUMENT")
    if action != "show":
        if key == "public_url":
            _check_public_url(context.settings, value)
        await trio.to_thread.run_sync(partial(write_file, context.config_path, key, value))
        await context.reload()
        context.audit.event("config.set" if value is not None else "config.unset", target=key)
    return {
        "daemon": "up",
        "config": context.config_path,
        "database": context.locations.database,
        "logs": context.locations.logs,
        **await _describe(context),
    }


async def _describe(context: VerbContext) -> Mapping[str, Any]:
    """Return the settings in force, what a restart would change of them, and why it could not start."""
    settings = context.settings.to_json()
    try:
        found = (await context.load_settings()).to_json()
        problem = None
    except StartRefused as refused:
        found, problem = settings, refused.to_json()
    for name, entry in settings.items():
        later = found[name]
        is_same = later["value"] == entry["value"]
        entry["pending"] = None if is_same else {"value": later["value"], "origin": later["origin"]}
    return {"settings": settings, "problem": problem}


def _check_public_url(settings: Settings, value: str | None) -> None:
    """Refuse to replace a public URL: the clients lose the daemon by it, which `rhctl endpoint` tells.

    Raises:
        Refusal: ENDPOINT_RECORDED.
    """
    if value is None or settings.public_url is None:
        return
    try:
        origin = parse_origin(value)
    except ValueError:
        return  # is refused when it is written
    if origin != settings.public_url:
        raise Refusal(
            f"{settings.public_url}/mcp is recorded; once it is replaced, clients that were set up with it no longer "
            "reach this daemon",
            code="ENDPOINT_RECORDED",
            next_step=f"Replace it nevertheless: rhctl endpoint {origin}/mcp --replace",
        )


VERB = Verb("config", run, {"action": str, "key": str, "value": str}, required=("action",))
