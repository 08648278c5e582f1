"""What the predecessor left behind: secrets that still lie in clear, and the public endpoint that it recorded."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from rhd.access import PASSPHRASE_COPY, SCAFFOLD
from rhd.errors import HarnessError
from rhd.rel_path import RelPath
from rhd.workflow.root import Root
from rhwire.escape import is_plain

_TOKENS = (".repo-harness/mcp.tokens.json", ".repo-harness/mcp.oauth-tokens.json")
_OAUTH = ".repo-harness/mcp.oauth.json"
_CONFIG = ".repo-harness/mcp.local.json"
_MAX_CONFIG_BYTES, _MAX_URL_CHARS = 64 << 10, 300


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What was found.

    Attributes:
        secrets: files with tokens or passphrases of the predecessor's server, which ours does not take; of the user's
            home folder as `~/…`.
        endpoint: the public URL that it served, if it recorded one.
    """

    secrets: tuple[str, ...] = ()
    endpoint: str | None = None


def find_leftovers(root: Root) -> Leftovers:
    """Return what the predecessor left in a repository and in the user's home folder."""
    secrets = [path for path in _TOKENS if _is_there(root, path)]
    endpoint = _read_endpoint(root)
    try:
        with Root.open(os.path.expanduser("~")) as home:
            secrets += [f"~/{path}" for path in (*_TOKENS, _OAUTH) if _is_there(home, path)]
            endpoint = endpoint or _read_endpoint(home)
    except HarnessError:
        pass
    return Leftovers(tuple(secrets), endpoint)


def _is_there(root: Root, path: str) -> bool:
    try:
        return root.look(RelPath(path), PASSPHRASE_COPY if path == _OAUTH else SCAFFOLD) is not None
    except HarnessError:
        return False


def _read_endpoint(root: Root) -> str | None:
    try:
        config = json.loads(root.read(RelPath(_CONFIG), SCAFFOLD, _MAX_CONFIG_BYTES)[0])
        url = config["chatgpt"]["endpoint"]
        parts = urlsplit(url)
    except (HarnessError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    is_url = isinstance(url, str) and parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc
    return url if is_url and is_plain(url) and " " not in url and len(url) <= _MAX_URL_CHARS else None
