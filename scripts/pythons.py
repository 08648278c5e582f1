"""Runs the tests on every supported Python that is found, each in an environment of its own: .venv-3.12 and so on.

With arguments, on those versions alone, such as `3.11 3.13`; `others` means the oldest and the newest, but for the one
that runs this script. A version that is named and not found is an error.
"""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUPPORTED = ("3.11", "3.12", "3.13")


def find_pythons() -> dict[str, str]:
    """Return the interpreter of each supported version that is found, on PATH or under pyenv."""
    found: dict[str, str] = {}
    for path in _candidates():
        asked = [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        if said in SUPPORTED:
            found.setdefault(said, path)
    return dict(sorted(found.items()))


def _candidates() -> Iterator[str]:
    yield sys.executable
    for version in SUPPORTED:
        if path := shutil.which(f"python{version}"):
            yield path
    versions = os.path.join(os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv")), "versions")
    yield from sorted(glob.glob(f"{versions}/*/bin/python"))


def prepare(version: str, python: str) -> str:
    """Return the interpreter of an environment with the locked dependencies; it is made if it is not current."""
    folder = ROOT / f".venv-{version}"
    stamp, lock = folder / ".ready", ROOT / "requirements-dev.lock"
    inside = str(folder / "bin" / "python")
    if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
        pip = [inside, "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--require-hashes", "-r", lock], check=True)
        subprocess.run([*pip, "--no-deps", "--no-build-isolation", "--editable", ROOT], check=True)
        stamp.touch()
    return inside


def main(arguments: list[str]) -> int:
    """Run the tests on each version; return 1 if any of them fails."""
    found, wanted = find_pythons(), arguments
    if wanted == ["others"]:
        running = f"{sys.version_info.major}.{sys.version_info.minor}"
        wanted = [version for version in {min(found): 0, max(found): 0} if version != running]
    if missing := [version for version in wanted if version not in found]:
        print(f"Python {missing[0]} is not found; found: {', '.join(found)}", file=sys.stderr)
        return 2
    failed = []
    for version in wanted if arguments else list(found):
        print(f"== Python {version}: {found[version]}", flush=True)
        command = [prepare(version, found[version]), "-m", "pytest", "--numprocesses", "3", "--dist", "worksteal", "-q"]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            failed.append(version)
    print(f"failed on Python {', '.join(failed)}" if failed else "passed on every Python", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
