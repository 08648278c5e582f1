"""ChatGPT: nothing to write, but a few things to enter in its settings."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NAME = "repo-harness"


def steps(facts: dict[str, Any], home: str = "") -> list[str]:
    """Return what to do, in order, for a person, who may type it anywhere.

    Args:
        home: what names the home in a command, with a space before it.
    """
    slug = facts["slug"]
    start = [f"No profile is started for {slug}, so nothing of it is served. Start one:", f"  rhctl start {slug}{home}"]
    first = [] if facts["profiles"] else start
    if facts["endpoint"] is None:
        return [
            *first,
            f"Open a tunnel to {facts['hub_url'].removesuffix('/mcp')} with a stable public https name, for example:",
            "  cloudflared tunnel login",
            "  cloudflared tunnel create repo-harness-mcp",
            "  cloudflared tunnel route dns repo-harness-mcp harness.example.com",
            f"  cloudflared tunnel run --url {facts['hub_url'].removesuffix('/mcp')} repo-harness-mcp",
            f"Record it:  rhctl setup chatgpt {slug} --endpoint https://harness.example.com/mcp{home}",
        ]
    return [
        *first,
        "In ChatGPT, enable Developer Mode in the settings and create a connector:",
        f"  Name            {NAME}",
        f"  URL             {facts['endpoint']}",
        "  Authentication  OAuth",
        "Scan the tools; the page that opens asks for the repository's passphrase:",
        f"  rhctl passphrase show {slug}{home}",
        "Keep write confirmations enabled.",
    ]
