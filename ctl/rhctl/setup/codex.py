"""Codex: `[mcp_servers.repo_harness]` in `.codex/config.toml` of the repository or of the user."""

from __future__ import annotations

import os

from rhctl.setup.served_repo import SERVER_NAME as SERVER_NAME
from rhctl.setup.served_repo import bridge_command
from rhwire.atomic_file import replace_file
from rhwire.errors import HarnessError
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STARTUP_TIMEOUT_S = 20
TOOL_TIMEOUT_S = 120


def config_path(scope: str, repo_path: str) -> str:
    """Return the file that `scope` (project or user) means."""
    if scope == "project":
        return os.path.join(repo_path, ".codex", "config.toml")
    return os.path.join(os.environ.get("CODEX_HOME") or os.path.expanduser("~/.codex"), "config.toml")


def entry(home: Home, facts: dict[str, Any], scope: str) -> dict[str, Any]:
    """Return the server's table.

    In a project, no repository is named: Codex starts the server in the checkout that it works in, which may be another
    worktree of the same file.
    """
    repo = None if scope == "project" else facts["path"]
    command = bridge_command(home, repo=repo, profile=facts["profile"])
    return {
        "command": command[0],
        "args": command[1:],
        "enabled_tools": facts["tools"],
        "default_tools_approval_mode": "writes",
        "required": True,
        "startup_timeout_sec": STARTUP_TIMEOUT_S,
        "tool_timeout_sec": TOOL_TIMEOUT_S,
    }


def merge(text: str, table: dict[str, Any]) -> str:
    """Return a configuration with our server in it and everything else as it was.

    Keys that a person added to our table stay, and so do its sub-tables.

    Raises:
        HarnessError: CONFIG_INVALID, the text is no TOML or says something else where our server would stand.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError
    from tomlkit.items import InlineTable

    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise HarnessError(f"the Codex configuration is no TOML: {error}", code="CONFIG_INVALID") from None
    servers = document.setdefault("mcp_servers", tomlkit.table(is_super_table=True))
    _check_table(servers, "mcp_servers")
    ours = servers.setdefault(
        SERVER_NAME, tomlkit.inline_table() if isinstance(servers, InlineTable) else tomlkit.table()
    )
    _check_table(ours, f"mcp_servers.{SERVER_NAME}")
    for key, value in table.items():
        if isinstance(value, list):
            array = tomlkit.array()
            array.extend(value)
            ours[key] = array.multiline(len(value) > 6 and not isinstance(ours, InlineTable))
        else:
            ours[key] = value
    return tomlkit.dumps(document)


def _check_table(value: Any, name: str) -> None:
    if not hasattr(value, "setdefault"):
        raise HarnessError(f"{name} in the Codex configuration is no table", code="CONFIG_INVALID")


def snippet(table: dict[str, Any]) -> str:
    """Return the configuration as it would stand in an empty file."""
    return merge("", table)


def write(path: str, text: str, scope: str) -> None:
    """Replace a configuration file atomically, keeping its mode.

    Raises:
        HarnessError: WRITE_FAILED, or SYMLINK_ESCAPE where the file is a link: it may be shared with other machines. In
            a project, its folder may not be one either: it came with the checkout, and may lead anywhere. REPO_DETACHED
            where the project is gone.
    """
    folder = os.path.dirname(path)
    try:
        _make_folder(folder, scope)
        for part in (folder, path) if scope == "project" else (path,):
            if os.path.islink(part):
                raise HarnessError(
                    f"{part} is a link", code="SYMLINK_ESCAPE", next_step="Merge what --dry-run prints in yourself."
                )
        replace_file(path, text.encode(), mode=None if os.path.exists(path) else 0o644)
    except OSError as error:
        raise HarnessError(f"cannot write {path}: {error.strerror}", code="WRITE_FAILED") from error


def _make_folder(folder: str, scope: str) -> None:
    if scope != "project":
        os.makedirs(folder, exist_ok=True)
        return
    try:
        os.mkdir(folder)
    except FileExistsError:
        pass
    except FileNotFoundError:  # a checkout is never made anew, with nothing in it but our file
        raise HarnessError(f"{os.path.dirname(folder)} is not there any more", code="REPO_DETACHED") from None


def read(path: str) -> str:
    """Return a configuration's text; empty if there is none.

    Raises:
        HarnessError: CONFIG_INVALID, it cannot be read.
    """
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise HarnessError(f"cannot read {path}: {error}", code="CONFIG_INVALID") from None


def is_trusted(repo_path: str) -> bool:
    """Say whether Codex reads the project's configuration: only where the user's own says that it is trusted."""
    import tomllib

    try:
        projects = tomllib.loads(read(config_path("user", ""))).get("projects", {})
        return bool(projects.get(repo_path, {}).get("trust_level") == "trusted")
    except (HarnessError, ValueError, AttributeError):
        return False
