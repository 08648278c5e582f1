"""How many descriptors the process may have: a connection is one, and the usual 1024, or macOS's 256, are few."""

from __future__ import annotations

import resource
from contextlib import suppress

WANTED = 8192


def forbid_core_files() -> None:
    """Have no core file written, by this process or those that it starts: one would hold tokens and passphrases."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def raise_descriptor_limit() -> None:
    """Raise the soft limit as far as is wanted and allowed; a higher one stays, and so does the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    with suppress(OSError, ValueError):  # macOS names a hard limit that its kernel then does not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
