"""The settings as a daemon for a home would have them, asked of the daemon's own program: it need not run for that."""

from __future__ import annotations

import json
import subprocess

from rhctl.daemon_start import clean_environment, daemon_command
from rhwire.codes import CODES
from rhwire.errors import HarnessError
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ANSWER_WITHIN_S = 60.0


def ask_settings(home: Home, assignment: str | None = None) -> dict[str, Any]:
    """Return where settings, database and logs lie, and each setting with its value and origin.

    It is asked in the environment of a service, not in this shell's: `REPO_HARNESS_PORT` counts for nothing here.

    Args:
        assignment: `name=value`, recorded in the settings file first, or `name=`, which takes it out; without it,
            nothing is made or changed.

    Raises:
        HarnessError: the settings cannot be used, with the daemon's own code.
    """
    command = [*daemon_command(home), "--settings", *([assignment] if assignment else [])]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ANSWER_WITHIN_S,
            env=clean_environment(),
            cwd="/",
            check=False,
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise HarnessError("rhd does not say what its settings are", code="TIMEOUT") from None
    except ValueError:
        words = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise HarnessError(
            f"rhd cannot be run: {words[-1] if words else 'it said nothing'}",
            code="INTERNAL",
            next_step="Install repo-harness again.",
        ) from None
    if error := answer.get("error"):
        code = error["code"] if error["code"] in CODES else "INTERNAL"
        raise HarnessError(error["message"], code=code, next_step=error["next_step"])
    return answer
