"""What a public endpoint is: `https://HOST[:PORT]/mcp`, exactly, and of a host that the internet can reach."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from rhd.addresses import is_public
from rhd.errors import Refusal
from rhd.settings import parse_origin

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_LOCAL_ENDINGS = ("localhost", "local", "internal", "lan", "home", "home.arpa", "test", "invalid", "example", "onion")


def parse_endpoint(text: str) -> str:
    """Return the origin of a public endpoint.

    Raises:
        Refusal: INVALID_ENDPOINT, with what is wrong about it.
    """
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise _refusal("it is not a URL") from None
    if text != text.strip() or any(c.isspace() or ord(c) < 33 for c in text):
        raise _refusal("it holds white space")
    if parts.scheme != "https":
        raise _refusal("it does not begin with https://")
    if parts.username is not None or parts.password is not None:
        raise _refusal("it carries a user name")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise _refusal("it carries a query or a fragment")
    if parts.path != "/mcp":
        raise _refusal("its path is not exactly /mcp")
    _check_host(host)
    try:
        return parse_origin(f"https://{parts.netloc}")
    except ValueError:
        raise _refusal("it names no host") from None


def _check_host(host: str) -> None:
    if not host:
        raise _refusal("it names no host")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        labels = host.rstrip(".").lower().split(".")
        if host.endswith("."):
            raise _refusal("its host ends with a dot") from None
        if len(labels) < 2 or labels[-1].isdigit() or not all(_LABEL.match(label) for label in labels):
            raise _refusal(f"{host} is no public host name") from None
        if labels[-1] in _LOCAL_ENDINGS or ".".join(labels[-2:]) in _LOCAL_ENDINGS:
            raise _refusal(f"{host} cannot be reached from the internet") from None
        return
    if not is_public(str(address)):
        raise _refusal(f"{host} cannot be reached from the internet")


def _refusal(reason: str) -> Refusal:
    return Refusal(f"that is no public endpoint: {reason}", code="INVALID_ENDPOINT")
