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
    is_replacing = recorded not in (None, origin)
    clients = sorted({client.name for client in context.authority.clients()}) if is_replacing else []
    if is_replacing and not params["replace"]:
        names = ", ".join(clients) or "none is connected now"
        raise Refusal(
            f"{recorded}/mcp is recorded; once it is replaced, clients that were set up with it no longer reach this "
            f"daemon ({names})",
            code="ENDPOINT_RECORDED",
            details={"endpoint": f"{recorded}/mcp", "clients": clients},
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
    return _answer(origin, clients)


def _answer(origin: str | None, clients: list[str]) -> dict[str, Any]:
    """Return the answer; `clients` have logged in and may have been set up with the endpoint that was replaced."""
    return {"endpoint": f"{origin}/mcp" if origin else None, "public_url": origin, "clients": clients}


VERB = Verb("endpoint", run, {"url": str, "replace": bool})
