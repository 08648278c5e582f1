"""The kernel's limits for watching, and the commands that raise them. See inotify(7)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from typing import NamedTuple

from rhd.watch.hints import Why

INOTIFY = "/proc/sys/fs/inotify"
_NEAR = 0.75


class Limits(NamedTuple):
    """The limits for each user; None where the system has no such file."""

    watches: int | None
    instances: int | None


def read_limits(folder: str = INOTIFY) -> Limits:
    """Return the limits in force now."""
    return Limits(*(_read(f"{folder}/max_{name}") for name in ("user_watches", "user_instances")))


def advise(limits: Limits, *, watches: int, instances: int, refused: Collection[Why]) -> tuple[str, ...]:
    """Return the commands that raise a limit that is reached, or three quarters used.

    Args:
        limits: in force now, for all processes of the user.
        watches: in use by this process.
        instances: in use by this process.
        refused: why roots are polled: a limit that the kernel has applied is reached, whatever this process uses.
    """
    rows = (
        ("watches", limits.watches, watches, 524288),
        ("instances", limits.instances, instances, 1024),
    )
    return tuple(
        f"sudo sysctl fs.inotify.max_user_{name}={max(ample, 2 * allowed)}"
        for name, allowed, used, ample in rows
        if allowed is not None and (name in refused or used >= allowed * _NEAR)
    )


def may_open(files: int = 4) -> bool:
    """Return True if this process may open so many more files."""
    with contextlib.ExitStack() as opened:
        try:
            for _ in range(files):
                opened.enter_context(open(os.devnull, "rb", buffering=0))
        except OSError:
            return False
    return True


def _read(file: str) -> int | None:
    try:
        with open(file, encoding="ascii") as stream:
            return int(stream.read())
    except (OSError, ValueError):
        return None
