"""The Python clients, each in a venv of its own, kept in an ignored folder."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.npm import CACHE

REQUIREMENTS = [
    line
    for line in (Path(__file__).parent / "requirements-frameworks.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
INSTALL_WITHIN_S = 900


def interpreter(requirement: str) -> Path:
    """Return the Python of a client's venv."""
    return CACHE.parent / "venvs" / re.sub(r"\W+", "-", requirement) / "bin/python"


def install() -> None:
    """Build each venv that is missing; one that was built before costs nothing."""
    for requirement in REQUIREMENTS:
        python = interpreter(requirement)
        folder = python.parents[1]
        stamp = folder / "installed.txt"
        if stamp.exists():
            continue
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, timeout=120)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement]
        subprocess.run(pip, check=True, timeout=INSTALL_WITHIN_S)
        stamp.write_text(requirement)
