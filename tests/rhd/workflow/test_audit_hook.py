"""tests/support/audit_hook.py: what it catches, here and in a child, and what it lets pass."""

from __future__ import annotations

import os
import posix
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

import rhd
from rhd.access import PLANNER
from rhd.rel_path import RelPath
from rhd.workflow.root import Root
from tests.support import audit_hook
from tests.support.audit_hook import ConfinementViolation
from tests.support.daemons import Daemon
from tests.support.repositories import Repository

ELSEWHERE = os.path.join(rhd.__path__[0], "elsewhere.py")
ROOT = Path(__file__).parents[3]
LOOKS = (
    "exists", "getatime", "getctime", "getmtime", "getsize", "isdir", "isfile", "islink", "ismount", "lexists",
    "realpath", "samefile",
)  # fmt: skip
"""The functions of os.path that look at what a name leads to."""

OTHERS = {
    *("lchflags", "lchmod", "lchown", "replace", "unlink"),  # raise the event of chflags, chmod, chown, rename, remove
    *("chroot", "execv", "execve", "posix_spawn", "posix_spawnp"),  # run what no hook sees into
    *("copy_file_range", "fspath", "splice"),  # take what is open already, or text
}
"""Functions of os that take a path or so and are none of the hook's events, and why."""


def run_in_rhd(source: str, **names: Any) -> dict[str, Any]:
    """Run `source` as if it stood in a module of rhd; return what it defined."""
    imports = "import ctypes, os, pathlib, shutil, sqlite3, trio\nfrom concurrent.futures import ThreadPoolExecutor\n"
    exec(compile(imports + source, ELSEWHERE, "exec"), names)
    return names


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
        "sqlite3.connect(f'file:{repo}/made.db?mode=rwc', uri=True)",
        "os.stat(f'{repo}/AGENTS.md')",
        "os.stat(f'{repo}/AGENTS.md'.encode())",
        "os.stat(path=pathlib.PurePath(repo, 'AGENTS.md'), follow_symlinks=False)",
        "os.lstat(f'{repo}/AGENTS.md')",
        "os.access(f'{repo}/AGENTS.md', os.R_OK)",
        "os.readlink(f'{repo}/AGENTS.md')",
        "os.statvfs(repo)",
        "os.pathconf(repo, 'PC_NAME_MAX')",
        "os.mkfifo(f'{repo}/made')",
        "os.mknod(f'{repo}/made')",
        "pathlib.Path(repo, 'AGENTS.md').stat()",
        "pathlib.Path(repo, 'AGENTS.md').exists()",
        "pathlib.Path(repo, 'AGENTS.md').is_file()",
        "pathlib.Path(repo, 'AGENTS.md').resolve()",
        "os.walk(repo).__next__()",
        "shutil.which(f'{repo}/AGENTS.md')",
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
        "os.stat('AGENTS.md')",
        "os.path.isfile('AGENTS.md')",
        "os.stat('AGENTS.md', dir_fd=folder)",
        "os.lstat('AGENTS.md', dir_fd=folder)",
        "os.access('AGENTS.md', os.R_OK, dir_fd=folder)",
        "os.readlink('AGENTS.md', dir_fd=folder)",
        "os.mkfifo('made', dir_fd=folder)",
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


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess; subprocess.run(['cat', 'AGENTS.md'], cwd=repo)",
        "import subprocess; subprocess.run(['git', '-C', pathlib.PurePath(repo), 'status'])",
        "os.system(f'git -C {repo} status')",
        "os.posix_spawn('/bin/cat', ['cat', f'{repo}/AGENTS.md'], {})",
        "os.execv('/bin/cat', ['cat', f'{repo}/AGENTS.md'])",
    ],
)
def test_starting_a_program_on_a_repository_is_refused(
    source: str, repository: Repository, violations: list[str]
) -> None:
    with pytest.raises(ConfinementViolation, match="starts a program on the repository"):
        run_in_rhd(source, repo=str(repository.path))


@pytest.mark.parametrize(
    "call",
    [
        "trio.Path(repo, 'AGENTS.md').read_text()",
        "trio.Path(repo, 'AGENTS.md').exists()",
        "trio.Path(repo, 'made').mkdir()",
        "trio.open_file(f'{repo}/AGENTS.md')",
        "trio.to_thread.run_sync(os.listdir, repo)",
        "trio.to_thread.run_sync(os.mkdir, f'{repo}/made')",
        "trio.to_thread.run_sync(os.stat, f'{repo}/AGENTS.md')",
        "trio.to_thread.run_sync(ThreadPoolExecutor(1).submit(os.remove, f'{repo}/AGENTS.md').result)",
    ],
)
async def test_what_is_sent_to_a_thread_is_refused_there(
    call: str, repository: Repository, violations: list[str]
) -> None:
    """The natural way of doing it wrong under trio; the thread's stack has no frame of who asked."""
    send = run_in_rhd(f"async def send():\n  await {call}", repo=str(repository.path))["send"]
    with pytest.raises(ConfinementViolation, match=r"reaches into the repository.* sent to a thread"):
        await send()
    assert repository.read("AGENTS.md") == "# Agents\n"
    assert not (repository.path / "made").exists()


async def test_what_threads_do_elsewhere_or_for_a_test_passes(repository: Repository) -> None:
    assert await trio.to_thread.run_sync(os.listdir, str(Path.home())) == []
    await trio.to_thread.run_sync(os.stat, ".")
    assert "AGENTS.md" in await trio.to_thread.run_sync(lambda: os.listdir(repository.path))
    with Root.open(str(repository.path)) as root:
        assert await trio.to_thread.run_sync(root.read, RelPath("AGENTS.md"), PLANNER.reach, 100)


def test_every_function_of_os_that_takes_a_path_raises_an_event_or_is_made_to() -> None:
    taking = {
        name
        for name, function in vars(posix).items()
        if re.match(r"\(\$module, (?:/, )?(?:path|src)\b", getattr(function, "__text_signature__", None) or "")
    }
    heard = {event.removeprefix("os.") for event in audit_hook._EVENTS}
    assert {"listdir", "lstat", "mkdir", "open", "rename", "unlink"} <= taking
    assert {name for name in taking - heard - OTHERS if not name.startswith("_")} == set()


def test_every_function_of_os_path_that_looks_is_known(repository: Repository, violations: list[str]) -> None:
    looking = set()
    for name in os.path.__all__:
        for arguments in ("path", "path, path"):
            try:
                run_in_rhd(f"os.path.{name}({arguments})", path=str(repository.path / "AGENTS.md"))
            except ConfinementViolation:
                looking.add(name)
            except (TypeError, ValueError, AttributeError):
                pass
    assert looking == set(LOOKS)


def test_the_standard_library_works_as_it_does_without(tmp_path: Path) -> None:
    class Holder:
        look = os.stat

    assert Holder().look(tmp_path) == os.lstat(tmp_path)  # type: ignore[call-arg, arg-type]  # a builtin does not bind
    assert os.stat in os.supports_dir_fd
    assert os.stat in os.supports_follow_symlinks
    program = "import shutil; print(shutil.rmtree.avoids_symlink_attacks)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == f"{shutil.rmtree.avoids_symlink_attacks}\n" == "True\n"


def lint(source: str) -> str:
    """Return what ruff says of `source` if it stands in a module of rhd."""
    command = [Path(sys.executable).with_name("ruff"), "check", "--no-cache", "--select", "TID251"]
    command += ["--stdin-filename", "daemon/rhd/elsewhere.py", "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, timeout=30, cwd=ROOT).stdout


def test_lint_bans_every_look_by_name() -> None:
    names = [f"os.{name}" for name in audit_hook.SILENT] + [f"os.path.{name}" for name in LOOKS]
    names += ["os.listdir", "os.scandir", "os.walk", "os.fwalk", "trio.Path", "trio.open_file"]
    said = lint("import os\n\nimport trio\n\n" + "".join(f"{name}()\n" for name in names))
    assert re.findall(r"TID251 `([\w.]+)`", said) == names
    for module in ("pathlib", "glob", "multiprocessing", "posix", "posixpath", "genericpath", "subprocess"):
        assert f"TID251 `{module}`" in lint(f"import {module}\n")
    assert "TID251 `pathlib`" in lint("from pathlib import Path\n")
    assert "TID251 `trio.Path`" in lint("from trio import Path\n")
    assert "TID251 `trio.run_process`" in lint("import trio\n\ntrio.run_process()\n")
    assert "TID251" not in lint("import os\n\nos.path.join('a', 'b')\nos.open('/a', os.O_RDONLY)\n")


def test_every_allowance_says_why() -> None:
    allowances = [line for path in (ROOT / "daemon").rglob("*.py") for line in path.read_text().splitlines()]
    allowances += (ROOT / "pyproject.toml").read_text().splitlines()
    allowances = [line for line in allowances if re.search(r'noqa: .*TID251|^"daemon/.*TID251', line)]
    assert allowances
    assert [line for line in allowances if not re.search(r"TID251 - \w+|TID251\"\]  # \w+", line)] == []


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


def test_a_child_that_is_a_script_runs(tmp_path: Path) -> None:
    """The interpreter opens it when there is no frame yet."""
    script = tmp_path / "script.py"
    script.write_text("print('it runs')")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.stderr) == ("it runs\n", "")


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
