"""tests/support/audit_hook.py: what it catches, here and in a child, and what it lets pass."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rhd
from rhd.access import PLANNER
from rhd.ids import RelPath
from rhd.workflow.root import Root
from tests.support import audit_hook
from tests.support.audit_hook import ConfinementViolation
from tests.support.daemons import Daemon
from tests.support.repositories import Repository

ELSEWHERE = os.path.join(rhd.__path__[0], "elsewhere.py")


def run_in_rhd(source: str, **names: Any) -> None:
    """Run `source` as if it stood in a module of rhd."""
    exec(compile("import os, pathlib, shutil, sqlite3, ctypes\n" + source, ELSEWHERE, "exec"), names)


@pytest.fixture
def violations() -> Iterator[list[str]]:
    """The violations that a test meant to cause; taken, so that they do not fail it."""
    found: list[str] = []
    yield found
    found += audit_hook.take_violations()
    assert found, "the violation was raised but not recorded"


@pytest.mark.parametrize(
    "source",
    [
        "open(f'{repo}/AGENTS.md')",
        "os.open(f'{repo}/AGENTS.md', os.O_RDONLY)",
        "pathlib.Path(repo, 'AGENTS.md').read_text()",
        "os.listdir(repo)",
        "list(os.scandir(repo))",
        "os.mkdir(f'{repo}/made')",
        "os.remove(f'{repo}/AGENTS.md')",
        "os.rename('/nowhere/at/all', f'{repo}/AGENTS.md')",
        "os.link('/nowhere/at/all', f'{repo}/made')",
        "os.symlink('/etc/passwd', f'{repo}/made')",
        "os.chmod(f'{repo}/AGENTS.md', 0o777)",
        "os.truncate(f'{repo}/AGENTS.md', 0)",
        "os.rmdir(f'{repo}/plans')",
        "os.utime(f'{repo}/AGENTS.md')",
        "shutil.rmtree(repo)",
        "os.chdir(repo)",
        "sqlite3.connect(f'{repo}/made.db')",
        "open(f'{repo}/src/../AGENTS.md')",
        "open(f'{link}/AGENTS.md')",
    ],
)
def test_a_path_in_a_repository_is_refused(
    source: str, repository: Repository, tmp_path: Path, violations: list[str]
) -> None:
    link = tmp_path / "link"
    link.symlink_to(repository.path)
    with pytest.raises(ConfinementViolation, match="reaches into the repository"):
        run_in_rhd(source, repo=str(repository.path), link=str(link))
    assert repository.read("AGENTS.md") == "# Agents\n"


@pytest.mark.parametrize(
    "source",
    [
        "open('AGENTS.md')",
        "os.open('AGENTS.md', os.O_RDONLY, dir_fd=folder)",
        "os.listdir()",
        "os.listdir(folder)",
        "os.scandir(folder)",
        "os.chdir(folder)",
        "os.mkdir('made', dir_fd=folder)",
        "os.remove('AGENTS.md', dir_fd=folder)",
        "os.rename('AGENTS.md', 'made', src_dir_fd=folder, dst_dir_fd=folder)",
        "os.link('AGENTS.md', 'made', src_dir_fd=folder, dst_dir_fd=folder)",
        "os.symlink('/etc/passwd', 'made', dir_fd=folder)",
    ],
)
def test_a_relative_name_or_a_folders_descriptor_is_refused(
    source: str, repository: Repository, violations: list[str]
) -> None:
    folder = os.open(repository.path, os.O_RDONLY)
    try:
        with pytest.raises(ConfinementViolation, match=r"relative name|descriptor of a folder"):
            run_in_rhd(source, folder=folder)
    finally:
        os.close(folder)


def test_a_c_function_that_opens_files_is_refused(violations: list[str]) -> None:
    with pytest.raises(ConfinementViolation, match="looks up openat"):
        run_in_rhd("ctypes.CDLL(None).openat")


def test_a_violation_that_the_daemon_swallows_is_still_recorded(repository: Repository, violations: list[str]) -> None:
    run_in_rhd("try:\n  open(f'{repo}/AGENTS.md')\nexcept Exception: pass", repo=str(repository.path))


@pytest.mark.parametrize("method", ["openat2", "walk"])
def test_root_and_everything_outside_of_repositories_pass(repository: Repository, tmp_path: Path, method: Any) -> None:
    with Root.open(str(repository.path), method=method) as root:
        root.read(RelPath("AGENTS.md"), PLANNER.reach, 100)
        root.list("", PLANNER.reach)
        root.create(RelPath("plans/prds/new.prd.md"), PLANNER.reach, b"new")
    run_in_rhd("open(f'{folder}/own', 'w').close(); os.listdir(folder)", folder=str(Path.home()))
    (repository.path / "AGENTS.md").write_text("tests may do as they like\n")


@pytest.mark.parametrize("interpreter", [[sys.executable], [sys.executable, "-X", "dev"]])
def test_a_child_carries_the_hook_and_its_violations_are_told_here(
    repository: Repository, interpreter: list[str], violations: list[str]
) -> None:
    source = f"open({str(repository.path / 'AGENTS.md')!r})"
    program = f"import sys; sys.path.insert(0, {os.path.dirname(rhd.__path__[0])!r})\nimport rhd\n"
    program += f"exec(compile({source!r}, {ELSEWHERE!r}, 'exec'))"
    child = subprocess.Popen([*interpreter, "-c", program], stderr=subprocess.PIPE)
    _, complaint = child.communicate(timeout=30)
    assert child.returncode == 1
    assert b"ConfinementViolation: open: reaches into the repository" in complaint
    assert child.pid in audit_hook.watched_processes()


@pytest.mark.slow
def test_a_real_daemon_carries_the_hook_while_it_adopts_and_serves(tmp_path: Path) -> None:
    repository = Repository.make(tmp_path / "project")
    daemon = Daemon(tmp_path / "home").start()
    try:
        daemon.rhctl("adopt", str(repository.path))
        assert daemon.rhctl("status")["repos"][0]["state"] == "ok"
        assert daemon.process is not None
        assert daemon.process.pid in audit_hook.watched_processes()
    finally:
        daemon.end()


def test_a_child_imports_nothing_more_for_it() -> None:
    program = "import sys; print(*sorted(sys.modules))"
    modules = [
        subprocess.run(
            [sys.executable, *options, "-c", program], capture_output=True, text=True, timeout=30, check=True
        )
        for options in ([], ["-I"])
    ]
    with_hook, without = (set(done.stdout.split()) for done in modules)
    assert with_hook - without <= {"__future__", "sitecustomize"}
