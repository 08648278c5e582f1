"""The daemon, with a file system that hangs: every call below $HANG_AT waits while the file $HANG_WHILE exists.

It stands in for a FUSE or network mount whose server has stopped: the calls block in threads, and cannot be stopped.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from rhd.commandline import main
from rhd.workflow import git, root
from rhd.workflow.root import Root

AT, WHILE = os.environ["HANG_AT"], os.environ["HANG_WHILE"]
_is_attached, _open, _resolve = Root.is_attached, Root.open, root.resolve


def hang(path: str) -> None:
    """Wait while the mount that the path lies on hangs."""
    while path.startswith(AT) and os.path.exists(WHILE):
        time.sleep(0.02)


def is_attached(self: Root) -> bool:
    hang(self.path)
    return _is_attached(self)


def open_root(path: str, **options: Any) -> Root:
    hang(path)
    return _open(path, **options)


def resolve(path: str) -> str:
    hang(path)
    return _resolve(path)


if __name__ == "__main__":
    Root.is_attached = is_attached  # type: ignore[method-assign]
    Root.open = staticmethod(open_root)  # type: ignore[assignment,method-assign]
    root.resolve = git.resolve = resolve
    sys.exit(main(sys.argv[1:]))
