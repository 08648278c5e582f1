"""`MetadataDocuments`: clients whose id is the https address of a document that describes them (CIMD).

The documents of well-known clients are built in, so that these can log in on a machine without internet access. Any
other document is fetched, under the limits of `fetching`.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import trio

from rhd.hosting.fair_queue import step_aside
from rhd.oauth.clients import Client, clean_name
from rhd.oauth.fetching import FetchFailed, Network, fetch, split_url
from rhd.oauth.redirects import RedirectRules

KEEP_FLOOR_S = 300.0
KEEP_CEILING_S = 24 * 3600.0
FAILED_S = 60.0
MAX_KEPT = 256
MAX_FETCHING = 64

_LOOPBACK_CALLBACKS = ("http://127.0.0.1/callback", "http://localhost/callback")
BUILT_IN: dict[str, Client] = {
    client.id: client
    for client in (
        Client(
            "https://chatgpt.com/oauth/client.json",
            "ChatGPT",
            ("https://chatgpt.com/connector_platform_oauth_redirect",),
        ),
        Client("https://chatgpt.com/oauth/codex/client.json", "Codex", _LOOPBACK_CALLBACKS),
        Client("https://claude.ai/oauth/claude-code-client-metadata", "Claude Code", _LOOPBACK_CALLBACKS),
        Client("https://github.com/copilot/cli/client-metadata.json", "GitHub Copilot CLI", (), any_loopback=True),
    )
}
_CHATGPT_CONNECTOR = re.compile(r"https://chatgpt\.com/oauth/([A-Za-z0-9_-]{1,128})/client\.json\Z")


@dataclass(frozen=True, slots=True)
class _CachedDocument:
    client: Client | None
    until: float


class MetadataDocuments:
    """Finds clients by the address of their document."""

    def __init__(
        self, clock: Callable[[], float], network: Network | None = None, rules: RedirectRules | None = None
    ) -> None:
        self._clock = clock
        self._rules = rules or RedirectRules()
        self._network = network or Network()
        self._kept: OrderedDict[str, _CachedDocument] = OrderedDict()
        self._fetching: OrderedDict[int, trio.CancelScope] = OrderedDict()
        self._numbers = itertools.count()

    def built_in(self, client_id: str) -> Client | None:
        """Return a client that needs no fetching."""
        if (client := BUILT_IN.get(client_id)) is not None:
            return client
        if found := _CHATGPT_CONNECTOR.match(client_id):
            return Client(client_id, "ChatGPT", (f"https://chatgpt.com/connector/oauth/{found[1]}",))
        return None

    async def find(self, client_id: str) -> Client | None:
        """Return the client that the document at `client_id` describes, or None if none can be had now.

        An answer is kept as long as its sender says, five minutes at least and a day at most; a failure for a
        minute. At most `MAX_FETCHING` are fetched at a time. One more gives up the oldest, which has hung longest, so
        that documents that never arrive keep no other client out.
        """
        if (client := self.built_in(client_id)) is not None:
            return client
        if split_url(client_id) is None:
            return None
        now = self._clock()
        if (kept := self._kept.get(client_id)) is not None and now < kept.until <= now + KEEP_CEILING_S:
            self._kept.move_to_end(client_id)
            return kept.client
        client, kept_s = None, 0.0
        number, scope = next(self._numbers), trio.CancelScope()
        if len(self._fetching) >= MAX_FETCHING:
            self._fetching.popitem(last=False)[1].cancel()
        self._fetching[number] = scope
        step_aside()
        try:
            with scope:
                fetched = await fetch(client_id, self._network)
                client, kept_s = parse_document(client_id, fetched.body, self._rules), float(fetched.max_age_s or 0)
        except FetchFailed:
            pass
        finally:
            self._fetching.pop(number, None)
        if scope.cancelled_caught:  # it was too slow, which says nothing about the next attempt
            return None
        kept_s = FAILED_S if client is None else min(max(kept_s, KEEP_FLOOR_S), KEEP_CEILING_S)
        self._kept[client_id] = _CachedDocument(client, now + kept_s)
        self._kept.move_to_end(client_id)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return client


def parse_document(url: str, body: bytes, rules: RedirectRules | None = None) -> Client:
    """Return the client that a document fetched from `url` describes.

    It vouches for its own host alone: its redirects are that host's, a loopback one, or a known callback.

    Raises:
        FetchFailed: it is no such document.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise FetchFailed("the document is not JSON") from None
    if not isinstance(document, dict) or document.get("client_id") != url:
        raise FetchFailed("the document is another client's")
    uris = document.get("redirect_uris")
    split = split_url(url)
    if split is None or not isinstance(uris, list) or not 0 < len(uris) <= 16:
        raise FetchFailed("the document names no redirects")
    if not all((rules or RedirectRules()).is_acceptable(uri, of_origin=f"https://{split[0]}") for uri in uris):
        raise FetchFailed("the document names a redirect that it cannot vouch for")
    if not isinstance(document.get("client_name"), str):
        raise FetchFailed("the document names no client")
    methods = document.get(
        "token_endpoint_auth_methods_supported", [document.get("token_endpoint_auth_method", "none")]
    )
    if "client_secret" in document or not isinstance(methods, list) or "none" not in methods:
        raise FetchFailed("the client cannot be a public one")
    return Client(url, clean_name(document["client_name"]), tuple(uris))
