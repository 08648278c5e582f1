"""Real git repositories for tests."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support import audit_hook

PRD = """\
---
title: "Search"
kind: "prd"
---

# Search

> **Status**: Draft

## Idea

Find things.
"""

SPRINT = """\
# Search sprint

> **Status**: Executing

## Source

- PRD: `plans/prds/20261101-0900-search.prd.md`

## Checklist

### Task Card 1: Index

- [x] Objective: build the index
- [x] Files/entrypoints: `src/index.py`
- [x] Verification: `make test`
- [x] Stage gate: staged

### Task Card 2: Query

- [ ] Objective: answer a query
- [ ] Files/entrypoints: `src/query.py`
- [ ] Verification: `make test`
- [ ] Stage gate: staged
"""


@dataclass(frozen=True)
class Repository:
    """One repository on disk."""

    path: Path

    @classmethod
    def make(cls, path: Path, *, artifacts: bool = True) -> Repository:
        """Create a repository; with `artifacts`, one that looks like a project in the middle of a sprint."""
        path.parent.mkdir(parents=True, exist_ok=True)
        audit_hook.register(path)
        shutil.copytree(_template(artifacts), path, symlinks=True)
        return cls(path)

    @classmethod
    def make_anew(cls, path: Path, *, artifacts: bool) -> Repository:
        """Create such a repository by git itself, which takes longer than copying one."""
        path.mkdir(parents=True)
        made = cls(path)
        made.git("init", "-q", "-b", "main", "--template=")
        made.write("src/index.py", "print('not an artifact')\n")
        if artifacts:
            made.write("AGENTS.md", "# Agents\n")
            made.write("docs/spec.md", "# Spec\n\n> **Status**: Draft\n")
            made.write("plans/prds/20261101-0900-search.prd.md", PRD)
            made.write("plans/sprints/20261102-0900-search.sprint.md", SPRINT)
            made.write("tasks/current.md", "# Current Status Snapshot\n")
            made.write(".ai/harness/handoff/resume.md", "# Resume\n")
            made.write(".ai/harness/checks/latest.json", '{"status": "pass"}\n')
        made.commit("start")
        return made

    @classmethod
    def make_branches(cls, path: Path) -> Repository:
        """Create a repository whose branches main, none and others hold 300 PRDs, none, and 300 others in part."""
        made = cls.make(path)
        for number in range(300):
            made.write(f"plans/prds/{number}.md", "1\n")
        made.commit("many")
        made.git("checkout", "-q", "-b", "none")
        made.git("rm", "-rqf", "plans")
        made.commit("none")
        made.git("checkout", "-q", "-b", "others")
        for number in range(150, 450):
            made.write(f"plans/prds/{number}.md", "22\n")
        made.commit("others")
        return made

    def age(self) -> None:
        """Make every file that exists seem to be from 2001."""
        for path in self.path.rglob("*"):
            if path.is_file():
                os.utime(path, (1_000_000_000, 1_000_000_000))

    def git(self, *arguments: str) -> str:
        """Run git here and return what it prints."""
        command = [
            "git",
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.com",
            "-c",
            "commit.gpgsign=false",
            *arguments,
        ]
        done = subprocess.run(command, cwd=self.path, check=True, capture_output=True, text=True, timeout=60)
        return done.stdout

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)

    def write(self, name: str, text: str) -> Path:
        """Write a file, its folders included, and return its path."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def put(self, name: str, text: str) -> None:
        """Have a file of an existing folder appear whole, as one change: one that is written in place may be two."""
        written = self.path.parent / f".{self.path.name}.written"
        written.write_text(text)
        written.replace(self.path / name)

    def read(self, name: str) -> str:
        """Return a file's text."""
        return (self.path / name).read_text()


@cache
def _template(artifacts: bool) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="rhd-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Repository.make_anew(folder / "repository", artifacts=artifacts).path
