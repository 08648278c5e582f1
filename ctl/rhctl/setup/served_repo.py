"""What every client's configuration is made from."""

from __future__ import annotations

import os
import shutil
import sys

from rhwire.home import Home

SERVER_NAME = "repo_harness"
"""Codex names tools `mcp__repo_harness__…`; a hyphen would be mangled there."""


def bridge_command(home: Home, *, repo: str | None, profile: str | None) -> list[str]:
    """Return the command line that a client starts for stdio, for this very installation and home.

    Args:
        repo: a path for clients that start servers elsewhere; None means the folder that they are started in.
    """
    command = [find_program("rhctl"), "connect"]
    if not home.is_default:
        command += ["--home", home.base]
    if repo is not None:
        command += ["--repo", repo]
    if profile is not None:
        command += ["--profile", profile]
    return command


def find_program(name: str) -> str:
    """Return how to call one of our programs: by its name where PATH leads to this installation, else by its path."""
    beside = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), name)
    installed = os.path.join(os.path.dirname(sys.executable), name)
    ours = next((path for path in (beside, installed) if os.access(path, os.X_OK)), None)
    found = shutil.which(name)
    if ours is None:
        return found or name
    return name if found is not None and os.path.realpath(found) == os.path.realpath(ours) else ours
