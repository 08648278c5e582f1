"""The command line of the bridge, as client configurations name it."""

from __future__ import annotations

import os
import shutil
import sys

from rhwire.home import Home


def bridge_words(home: Home, scope: str, *, repo: str | None, profile: str | None) -> list[str]:
    """Return the command line that a client starts for stdio.

    A project's file is shared with other people and machines, so it has the bare name of the program and no path. The
    user's own file has the path of this installation, and the home if it is not the default one.

    Args:
        repo: of a client that starts servers in no folder of the user's; others are served the folder they start in.
    """
    words = ["rhctl" if scope == "project" else program_path("rhctl"), "connect"]
    if scope != "project" and not home.is_default:
        words += ["--home", home.base]
    if repo is not None:
        words += ["--repo", repo]
    if profile is not None:
        words += ["--profile", profile]
    return words


def program_path(name: str) -> str:
    """Return the absolute path of one of our programs: of this installation, else of the one on PATH."""
    for folder in (os.path.dirname(os.path.abspath(sys.argv[0])), os.path.dirname(sys.executable)):
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    return shutil.which(name) or name
