"""`version`: which version of what is running."""

from __future__ import annotations

import os
import platform
from typing import Any

from rhd.control.verb import Verb, VerbCall
from rhwire.messages import VERSION as PROTOCOL
from rhwire.version import VERSION


async def run(request: VerbCall) -> dict[str, Any]:
    """Describe this build."""
    return {"version": VERSION, "protocol": PROTOCOL, "python": platform.python_version(), "pid": os.getpid()}


VERB = Verb("version", run)
