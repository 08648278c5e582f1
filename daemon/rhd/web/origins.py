"""`Origins`: the origins under which this daemon is reached. A request selects one of them by its Host header."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from rhd.access import HUB
from rhd.ids import SLUG_PATTERN

BROWSERS = ("https://chatgpt.com", "https://claude.ai")
"""Origins of hosted clients whose pages may call with a token."""
_RESOURCE = re.compile(rf"(?:/mcp|/r/(?P<slug>{SLUG_PATTERN})/mcp)/?\Z")


class Origins:
    """The public origin if there is one, the loopback names of the port, and further origins. Immutable.

    Attributes:
        all: the origins, exact, without a trailing slash.
    """

    def __init__(
        self,
        public_url: str | None,
        port: int,
        allowed: tuple[str, ...] = (),
        *,
        further: Iterable[str] = (),
    ) -> None:
        """Make the set of origins.

        Args:
            public_url: `https://host[:port]` as `rhd.settings.parse_origin` returns it.
            port: of the loopback socket.
            allowed: further browser origins that may call with a token.
            further: further origins of this daemon: the setting `further_origins`, and leased listeners.
        """
        named = ((public_url,) if public_url else ()) + listener_origins("127.0.0.1", port)
        self.all = tuple(dict.fromkeys((*named, *further)))
        self._hosts: dict[str, str] = {}
        for origin in self.all:
            scheme, _, host = origin.partition("://")
            self._hosts.setdefault(host, origin)
            # A client may write the default port, or leave it out.
            default = ":443" if scheme == "https" else ":80"
            if host.endswith(default):
                self._hosts.setdefault(host.removesuffix(default), origin)
            elif urlsplit(origin).port is None:
                self._hosts.setdefault(host + default, origin)
        self._browsers = frozenset((*self.all, *BROWSERS, *allowed))

    def of(self, host: str) -> str | None:
        """Return the origin that a Host header names, or None: then no route answers."""
        return self._hosts.get(host.lower())

    def allows(self, origin: str) -> bool:
        """Say whether a page of this origin may call the endpoints with a token."""
        return origin in self._browsers

    def resource_of(self, url: str) -> str | None:
        """Return what a resource's URL names under any of our origins: `hub`, a slug, or None.

        A slug is not looked up, so that the answer does not tell which repositories exist.
        """
        scheme, separator, rest = url.partition("://")
        host, slash, path = rest.partition("?")[0].partition("/")
        origin = self._hosts.get(host.lower())
        if not separator or origin is None or not origin.startswith(scheme.lower() + "://"):
            return None
        if path == "":
            return HUB
        found = _RESOURCE.match(slash + path)
        return None if found is None else found["slug"] or HUB


def listener_origins(host: str, port: int) -> tuple[str, ...]:
    """Return the origins of a listener on this machine: the three loopback names, or the address itself."""
    if host in ("localhost", "127.0.0.1", "::1"):
        return tuple(f"http://{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))
    return (f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}",)
