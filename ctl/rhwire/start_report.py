"""Why the last start of a daemon was refused, for the clients that wait for it: a file in the home.

Several clients may start a daemon at once. One daemon takes the lock, and if its start is refused (its port is taken,
say), the others have only seen that they were too late; this tells them why.
"""

from __future__ import annotations

import json
import os

from rhwire.codes import CODES
from rhwire.errors import HarnessError
from rhwire.file_replacement import replace_file
from rhwire.home import Home

MAX_BYTES = 4096


def write_report(home: Home, error: HarnessError) -> None:
    """Record why a start was refused; a home that cannot be written has to do without."""
    try:
        replace_file(_path(home), json.dumps({"details": None, **error.to_json()}).encode(), mode=0o600)
    except OSError:
        pass


def read_report(home: Home, *, since: float) -> HarnessError | None:
    """Return why the newest start was refused, if that was recorded after a moment (seconds since the epoch)."""
    try:
        with open(_path(home), "rb") as stream:
            if os.fstat(stream.fileno()).st_mtime < since:
                return None
            found = json.loads(stream.read(MAX_BYTES))
        code, message, next_step, details = (found[key] for key in ("code", "message", "next_step", "details"))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    known = code if code in CODES else "INTERNAL"
    return HarnessError(str(message), code=known, next_step=str(next_step), details=details)


def _path(home: Home) -> str:
    return home.base + "/start-refused.json"
