"""`Origins`: the addresses under which this daemon is known, and nothing that a request says beside its Host."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

HUB = "hub"
BROWSERS = ("https://chatgpt.com", "https://claude.ai")
"""Origins of hosted clients whose pages may call us with a token."""
SLUG = r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?"
_RESOURCE = re.compile(rf"(?:/mcp|/r/(?P<slug>{SLUG})/mcp)/?\Z")


class Origins:
    """The public origin if there is one, and the two names of loopback. Immutable; a reload makes a new one.

    Attributes:
        all: the origins, exact, without a slash at the end.
    """

    def __init__(self, public_url: str | None, port: int, allowed: tuple[str, ...] = ()) -> None:
        """Know the origins.

        Args:
            public_url: `https://host[:port]` as `rhd.settings.parse_origin` writes it.
            port: of the loopback socket.
            allowed: further browser origins that may call with a token.
        """
        local = (f"http://127.0.0.1:{port}", f"http://localhost:{port}")
        self.all = (*((public_url,) if public_url else ()), *local)
        self._hosts: dict[str, str] = {}
        for origin in self.all:
            scheme, _, host = origin.partition("://")
            self._hosts[host] = origin
            # A client may write the default port, or leave it out.
            default = ":443" if scheme == "https" else ":80"
            if host.endswith(default):
                self._hosts[host.removesuffix(default)] = origin
            elif urlsplit(origin).port is None:
                self._hosts[host + default] = origin
        self._browsers = frozenset((*self.all, *BROWSERS, *allowed))

    def of(self, host: str) -> str | None:
        """Return the origin that a Host header names, or None: then nothing is answered."""
        return self._hosts.get(host.lower())

    def allows(self, origin: str) -> bool:
        """Say whether a page of this origin may call the endpoints with a token."""
        return origin in self._browsers

    def resource_of(self, url: str) -> str | None:
        """Return what a resource's URL names under any of our origins: `hub`, a slug, or None.

        A slug is not looked up: whoever asks learns nothing about which repositories there are.
        """
        scheme, separator, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        origin = self._hosts.get(host.lower())
        if not separator or origin is None or not origin.startswith(scheme.lower() + "://"):
            return None
        if path == "":
            return HUB
        found = _RESOURCE.match(slash + path)
        return None if found is None else found["slug"] or HUB
