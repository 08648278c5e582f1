from __future__ import annotations

import re
import subprocess
import sys

from rhwire.version import VERSION


def test_the_version_is_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+)?", VERSION)


def test_rhwire_imports_only_what_starts_fast() -> None:
    """Each `rhctl status` is a new process; these modules would cost it as much as everything else together."""
    names = ("errors", "escape", "findings", "home", "lock", "messages", "times")
    code = f"import sys, {', '.join('rhwire.' + name for name in names)};"
    code += "print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    slow = {"dataclasses", "typing", "pathlib", "logging", "inspect", "hashlib", "subprocess", "argparse"}
    assert slow & set(done.stdout.split()) == set()
