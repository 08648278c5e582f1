"""`deny`: refuse a login that waits on its page."""

from __future__ import annotations

from typing import Any

from rhd.control.approve import describe_login
from rhd.control.verb import Verb, VerbCall


async def run(request: VerbCall) -> dict[str, Any]:
    """Refuse the login under a code; its page says so."""
    authority, code = request.context.authority, request.params["code"]
    login = authority.pending(code)
    await authority.deny(code)
    return {**describe_login(login), "denied": True}


VERB = Verb("deny", run, {"code": str}, required=("code",))
