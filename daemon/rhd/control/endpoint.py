"""`endpoint`: which public URL clients know the daemon by."""

from __future__ import annotations

from functools import partial
from typing import Any

import trio

from rhd.control.public_url import parse_endpoint
from rhd.control.verb import Verb, VerbCall
from rhd.errors import Refusal
from rhd.settings import write_file


async def run(request: VerbCall) -> dict[str, Any]:
    """Show the recorded endpoint, or record one."""
    context, params = request.context, request.params
    recorded, given = context.settings.public_url, params["url"]
    if given is None:
        return _answer(recorded, [])
    origin = parse_endpoint(given)
    ending = [c.name for c in context.authority.clients(None)] if recorded not in (None, origin) else []
    if recorded not in (None, origin) and not params["replace"]:
        names = ", ".join(sorted(set(ending))) or "none is connected now"
        raise Refusal(
            f"{recorded}/mcp is recorded; connectors made with it end when it is replaced ({names})",
            code="ENDPOINT_RECORDED",
            details={"endpoint": f"{recorded}/mcp", "clients": sorted(set(ending))},
        )
    if context.settings.origins["public_url"] in ("environment", "flag"):
        raise Refusal(
            "the public URL is set by the daemon's environment or flags, which win over what is recorded",
            code="CONFIG_INVALID",
            next_step="Take REPO_HARNESS_PUBLIC_URL out of the daemon's environment and restart it.",
        )
    if recorded != origin:
        await trio.to_thread.run_sync(partial(write_file, context.config_path, "public_url", origin))
        await context.reload()
        if context.settings.public_url != origin:
            raise Refusal(
                f"{given} is recorded, but another entry of the settings file keeps the daemon from taking it over",
                code="CONFIG_INVALID",
                next_step="See what is wrong with: rhctl config show",
            )
        context.audit.event("endpoint.set", target=context.settings.public_url)
    return _answer(origin, sorted(set(ending)))


def _answer(origin: str | None, ending: list[str]) -> dict[str, Any]:
    return {"endpoint": f"{origin}/mcp" if origin else None, "public_url": origin, "ended": ending}


VERB = Verb("endpoint", run, {"url": str, "replace": bool})
