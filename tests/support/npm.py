"""Programs from npm that tests drive: pinned in a package.json beside the tests, kept in an ignored folder."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".bench" / "npm"
OLDEST_NODE = (22, 19)
INSTALL_WITHIN_S = 900


class Unavailable(Exception):
    """The programs cannot be had on this machine; the message says why."""


class Programs:
    """What one package.json asks for, installed.

    Attributes:
        folder: holds `node_modules`.
    """

    def __init__(self, manifest: Path) -> None:
        """Install what is missing; a manifest that was installed before costs nothing.

        Raises:
            Unavailable: npm is missing or failed.
        """
        self.folder = CACHE / manifest.parent.name
        wanted, stamp = manifest.read_text(), self.folder / "installed.json"
        if not stamp.exists() or stamp.read_text() != wanted:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "package.json").write_text(wanted)
            _npm_install(self.folder)
            stamp.write_text(wanted)
        self.node = self._find_node()

    def package(self, name: str) -> Path:
        """Return the folder of a package."""
        return self.folder / "node_modules" / name

    def program(self, name: str) -> Path:
        """Return a program that a package brings."""
        return self.folder / "node_modules" / ".bin" / name

    def _find_node(self) -> Path:
        """Return a node that is new enough: the pinned one, or the machine's where none is pinned for it."""
        for pinned in sorted((self.folder / "node_modules").glob("node-*/bin/node")):
            return pinned
        found = shutil.which("node")
        if found is None:
            raise Unavailable("node is not installed")
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
        major, minor, _ = said.strip().removeprefix("v").split(".", 2)
        if (int(major), int(minor)) < OLDEST_NODE:
            raise Unavailable(f"node {said.strip()} is too old; {OLDEST_NODE[0]}.{OLDEST_NODE[1]} or newer is needed")
        return Path(found)


def _npm_install(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("npm is not installed")
    # No scripts: what is needed comes inside the packages. No lock: it would name a registry.
    command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_WITHIN_S, check=False)
    if done.returncode != 0:
        raise Unavailable(f"npm could not install {folder.name}: {done.stderr.strip()[-300:]}")
