"""An agent's own words, made fit for an MCP client: no secret, no path of this machine, short."""

from __future__ import annotations

import os

from rhd.workflow.redaction.redact import redact

MESSAGE_BYTES = 2048
EXPLANATION_BYTES = 500


def client_text(text: str | None, repo_path: str, max_bytes: int = MESSAGE_BYTES) -> str | None:
    """Return a text as clients may see it; None if there is none.

    Args:
        text: of the agent.
        repo_path: the repository's folder; paths in it are named relative to it.
        max_bytes: of UTF-8, at most; what is cut off is marked.
    """
    if text is None:
        return None
    text = text.replace(f"{repo_path}/", "").replace(repo_path, ".")
    home = os.path.expanduser("~")
    if home not in ("/", "~"):
        text = text.replace(home, "~")
    data = redact(text).text.encode("utf-8", "replace")
    if len(data) <= max_bytes:
        return data.decode()
    return data[: max_bytes - 3].decode("utf-8", "ignore") + "…"


def relative_path(path: str, repo_path: str) -> str | None:
    """Return a path that an agent named, relative to the repository; None if it is elsewhere."""
    if not path.startswith("/"):
        return os.path.normpath(path)
    return path[len(repo_path) + 1 :] if path.startswith(f"{repo_path}/") else None
