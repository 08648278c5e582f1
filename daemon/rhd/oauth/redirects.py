"""Where a browser may be sent after a login.

The code goes to the redirect's recipient, so nothing else that a client says about itself matters as much.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeGuard
from urllib.parse import parse_qsl, urlencode, urlsplit

MAX_URI_BYTES = 512

# The callbacks of hosted clients: only their vendors can receive anything there, whatever a client calls itself.
KNOWN = (
    "https://antigravity.google/oauth-callback",
    "https://api.devin.ai/mcp/oauth/callback",
    "https://callback.mistral.ai/v1/integrations_auth/oauth2_callback",
    "https://chatgpt.com/connector_platform_oauth_redirect",
    "https://claude.ai/api/mcp/auth_callback",
    "https://claude.com/api/mcp/auth_callback",
    "https://console.x.ai/connectors-oauth-exchange-code/",
    "https://cursor.com/agents/mcp/oauth/callback",
    "https://grok.com/connectors-oauth-exchange-code/",
    "https://insiders.vscode.dev/redirect",
    "https://vscode.dev/redirect",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "https://www.perplexity.ai/rest/connections/oauth_callback",
    "cursor://anysphere.cursor-mcp/oauth/callback",
)
# Those that end in the id of one connector. At Google's redirect host any project can have an address: only Gemini's
# form is known.
_KNOWN_FORMS = (
    re.compile(r"https://chatgpt\.com/connector/oauth/[A-Za-z0-9_-]{1,128}\Z"),
    re.compile(r"https://oauth-redirect\.googleusercontent\.com/r/user_bound_custom-mcp-[A-Za-z0-9_-]{1,128}\Z"),
)

_LOOPBACK = re.compile(
    r"http://(?P<host>127\.0\.0\.1|localhost|\[::1\])(?::(?P<port>[0-9]{1,5}))?(?P<rest>[/?][!-~]*)?\Z"
)
_PRINTABLE = re.compile(r"[!-~]+\Z")  # no space, no control, no other script
_NEVER = re.compile(r"[\\\"<>^`{|}#]")
# What an answer adds to a redirect: if the redirect had one of these already, the client would read that one.
_OURS = frozenset({"code", "error", "error_description", "iss", "state"})


def is_loopback(uri: str) -> bool:
    """Say whether a redirect goes to a program on the browser's own machine (RFC 8252 section 7.3)."""
    return (found := _match_loopback(uri)) is not None and 0 < int(found["port"] or 80) < 65536


class RedirectRules:
    """Which redirects are accepted.

    Attributes:
        further: callbacks that the owner has added with the setting `further_redirects`; a reload replaces them.
    """

    def __init__(self, further: Iterable[str] = ()) -> None:
        self.further = frozenset(further)

    def is_known(self, uri: str) -> bool:
        """Say whether a redirect is a hosted client's callback, or one that the owner has added."""
        return uri in KNOWN or uri in self.further or any(form.match(uri) for form in _KNOWN_FORMS)

    def is_acceptable(self, uri: object, *, of_origin: str | None = None) -> bool:
        """Say whether a client may name this redirect at all.

        Args:
            uri: what it names.
            of_origin: `https://host` that the client has proven to be; it may name its own addresses.
        """
        if not is_well_formed(uri):
            return False
        is_own = of_origin is not None and uri.startswith(of_origin + "/")
        return is_loopback(uri) or self.is_known(uri) or is_own


def is_well_formed(uri: object) -> TypeGuard[str]:
    """Say whether an answer can be added to a redirect, and a browser be sent to what then results."""
    if not isinstance(uri, str) or len(uri) > MAX_URI_BYTES or not _PRINTABLE.match(uri) or _NEVER.search(uri):
        return False
    return not _OURS & {name for name, _ in parse_qsl(uri.partition("?")[2], keep_blank_values=True)}


def is_registered(uri: str, registered: Iterable[str]) -> bool:
    """Say whether a redirect is one of a client's: to the letter, or a loopback one but for its port."""
    for other in registered:
        if uri == other:
            return True
        mine, theirs = _match_loopback(uri), _match_loopback(other)
        if mine and theirs and is_loopback(uri) and (mine["host"], mine["rest"]) == (theirs["host"], theirs["rest"]):
            return True
    return False


def host_of(uri: str) -> str:
    """Return what a person is shown of a redirect: its host and port, or the scheme of an app's own."""
    parts = urlsplit(uri)
    return parts.netloc if parts.scheme in ("http", "https") else f"{parts.scheme}:"


def with_parameters(uri: str, **parameters: str | None) -> str:
    """Return a redirect with parameters added to its query; those that are None are left out."""
    added = urlencode([(k, v) for k, v in parameters.items() if v is not None])
    return f"{uri}{'&' if '?' in uri else '?'}{added}"


def _match_loopback(uri: str) -> re.Match[str] | None:
    return _LOOPBACK.match(uri) if len(uri) <= MAX_URI_BYTES else None
