"""Resolves the dependencies of pyproject.toml into hash-pinned files that name no package index."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

HEADER = "# The versions that were tested, by hash. Made by `make lock`; no package index is named here.\n"
FILES = {"requirements.lock": [], "requirements-dev.lock": ["--group", "dev"]}


def main() -> None:
    """Write both files; uv does the resolving, in an environment of its own."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([f"{folder}/bin/pip", "install", "--quiet", "uv"], check=True)
        for name, options in FILES.items():
            command = [
                f"{folder}/bin/uv",
                "pip",
                "compile",
                "pyproject.toml",
                *options,
                "--universal",
                "--python-version=3.11",
                "--generate-hashes",
                "--no-emit-index-url",
                "--no-header",
                "--no-annotate",
                "--quiet",
            ]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            if "://" in done.stdout:
                sys.exit(f"{name} would name an address")
            Path(name).write_text(HEADER + done.stdout)


if __name__ == "__main__":
    main()
