"""Gates: whether a client reads a project's configuration file, by what the user told that client before."""

from __future__ import annotations

import json
import os
from typing import Any

from rhctl.setup.client_spec import SERVER
from rhctl.setup.config_file import read
from rhwire.errors import HarnessError
from rhwire.escape import escape

_FOLDERS = {"gemini": "~/.gemini", "qwen-code": "~/.qwen"}
"""Where a client keeps the folders that its user trusts."""


def is_open(gate: str, repo_path: str) -> bool:
    """Say whether the client reads the file of this project; False also where that cannot be found out."""
    if gate == "codex":
        return _codex(repo_path)
    if gate == "claude-code":
        return _claude_code(repo_path)
    return _is_trusted_folder(_FOLDERS[gate], repo_path)


def advice(gate: str, repo_path: str) -> list[str]:
    """Return what the person does to open it."""
    quoted = escape(json.dumps(repo_path, ensure_ascii=False))
    if gate == "codex":
        return [
            "Codex reads this only in a project that it trusts: start codex there once and confirm, or add to",
            f"{escape(_codex_file())}:",
            f"  [projects.{quoted}]",
            '  trust_level = "trusted"',
        ]
    if gate == "claude-code":
        return []  # its spec says it: approving is the only way
    folder = _FOLDERS[gate]
    name = folder.removeprefix("~/.")
    return [
        f"{name} starts no server in a folder that it does not trust: start {name} there and trust it, or add to",
        f"{folder}/trustedFolders.json:",
        f'  {{{quoted}: "TRUST_FOLDER"}}',
    ]


def _codex(repo_path: str) -> bool:
    import tomllib

    try:
        projects = tomllib.loads((read(_codex_file()) or b"").decode()).get("projects", {})
        return bool(projects.get(repo_path, {}).get("trust_level") == "trusted")
    except (HarnessError, ValueError, AttributeError):
        return False


def _codex_file() -> str:
    return os.path.join(os.environ.get("CODEX_HOME") or os.path.expanduser("~/.codex"), "config.toml")


def _claude_code(repo_path: str) -> bool:
    folder = os.environ.get("CLAUDE_CONFIG_DIR") or os.path.expanduser("~/.claude")
    state = os.environ.get("CLAUDE_CONFIG_DIR") or os.path.expanduser("~")
    settings = _json(os.path.join(folder, "settings.json"))
    projects = _json(os.path.join(state, ".claude.json")).get("projects")
    project = projects.get(repo_path) if isinstance(projects, dict) else None
    for each in (settings, project if isinstance(project, dict) else {}):
        enabled = each.get("enabledMcpjsonServers")
        if each.get("enableAllProjectMcpServers") is True or (isinstance(enabled, list) and SERVER in enabled):
            return True
    return False


def _is_trusted_folder(folder: str, repo_path: str) -> bool:
    trusted = _json(os.path.join(os.path.expanduser(folder), "trustedFolders.json"))
    while True:
        if trusted.get(repo_path) == "TRUST_FOLDER":
            return True
        if trusted.get(repo_path) == "DO_NOT_TRUST":
            return False
        parent = os.path.dirname(repo_path)
        if trusted.get(repo_path) == "TRUST_PARENT" or trusted.get(parent) == "TRUST_FOLDER":
            return True
        if parent == repo_path:
            return False
        repo_path = parent


def _json(path: str) -> dict[str, Any]:
    try:
        found = json.loads(read(path) or b"{}")
    except (HarnessError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
