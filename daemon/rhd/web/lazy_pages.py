"""`LazyPages`: the way from the dispatcher to the pages, which imports Quart when the first person comes to log in."""

from __future__ import annotations

import importlib
from typing import Any
from urllib.parse import parse_qsl

import trio

from rhd.asgi import Receive, Scope, Send
from rhd.oauth.authority import Authority
from rhd.repos.registry import Registry
from rhd.web.origins import Origins

MAX_FIELDS = 4096
_threads = trio.CapacityLimiter(1)


class LazyPages:
    """Serves /authorize."""

    def __init__(self, authority: Authority, registry: Registry, rhctl: str) -> None:
        self._rhctl = rhctl
        self._authority = authority
        self._registry = registry
        self._importing = trio.Lock()
        self._app: Any = None

    async def open(self) -> None:
        """Return once the pages can be served."""
        async with self._importing:
            if self._app is None:
                # A quarter of a second of imports: in a thread, the loop goes on meanwhile.
                consent = await trio.to_thread.run_sync(importlib.import_module, "rhd.web.consent", limiter=_threads)
                self._app = consent.make_app(self._authority, self._registry, self._rhctl)

    def is_proven(self, body: bytes) -> bool:
        """Say whether a form carries the proof of a right passphrase."""
        try:
            form = dict(parse_qsl(body.decode("ascii"), max_num_fields=MAX_FIELDS))
        except ValueError:
            return False
        return self._authority.logins.is_proven(form.get("passphrase", ""), form.get("login", ""))

    async def serve(self, origin: str, origins: Origins, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to a page.

        Args:
            origin: that the request came to.
            origins: that decide which `resource` the request means.
        """
        scope = {**scope, "state": {**scope.get("state", {}), "origin": origin, "origins": origins}}
        await self._app(scope, receive, send)
