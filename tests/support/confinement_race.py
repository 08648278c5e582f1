"""Opens beneath a root while another process flips folders and files for links; prints what came of it, as JSON.

    python -m tests.support.confinement_race METHOD COUNT

METHOD is one of Root's, or `by-name`: opening by name, to show that the attacker catches that.
A process of its own: the attacker is forked from it, and nothing else slows it down. Everything outside of the
root holds the word SECRET, so that whatever has it was an escape; everything outside is compared at the end, so
that whatever was written there was one too.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rhd.access import PLANNER, Reach
from rhd.errors import Conflict, HarnessError
from rhd.rel_path import RelPath
from rhd.workflow.root import Root

SECRET, HARMLESS = b"SECRET", b"harmless"
WRITER = Reach("writer", ("plans/**",), ("plans/**",), denied=())
WRITE_EVERY, LIST_EVERY = 512, 16
MADE = 97
"""Names that are written to: with more, all of the time would go into listing them."""

_RENAME_EXCHANGE = 2
_libc = ctypes.CDLL(None, use_errno=True)


def prepare(folder: Path) -> tuple[Path, Path]:
    """Lay out a repository and, beside it, what must not be reached; the same names on both sides."""
    repository, outside = folder / "repository", folder / "outside"
    for top, content in ((repository / "plans", HARMLESS), (outside, SECRET)):
        for name in ("race/a.md", "race/deep/a.md", "leaf/a.md", "moved/a.md", "swap/a.md"):
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_bytes(content)
    (outside / "race/only-outside.md").write_bytes(SECRET)
    (repository / "plans/swap-link").symlink_to(outside / "swap")
    return repository, outside


def flip_folder(repository: Path, outside: Path) -> None:
    """A folder steps aside, a link takes its place, and back."""
    race, aside = repository / "plans/race", repository / "plans/aside"
    race.rename(aside)
    race.symlink_to(outside / "race")
    race.unlink()
    aside.rename(race)


def flip_leaf(repository: Path, outside: Path) -> None:
    """A link is renamed over a file, and a file over the link."""
    leaf = repository / "plans/leaf"
    (leaf / "link").symlink_to(outside / "leaf/a.md")
    (leaf / "link").rename(leaf / "a.md")
    (leaf / "file").write_bytes(HARMLESS)
    (leaf / "file").rename(leaf / "a.md")


def flip_out(repository: Path, outside: Path) -> None:
    """A folder is moved out of the repository while an open may be in it, and back."""
    moved, away = repository / "plans/moved", outside.parent / "away"
    moved.rename(away)
    moved.symlink_to(outside / "moved")
    moved.unlink()
    away.rename(moved)


def flip_at_once(repository: Path, _: Path) -> None:
    """Folder and link change places in one system call; there is never nothing there."""
    one, other = (os.fsencode(repository / "plans" / name) for name in ("swap", "swap-link"))
    _libc.renameat2(-100, one, -100, other, _RENAME_EXCHANGE)


FLIPS: tuple[Callable[[Path, Path], None], ...] = (flip_folder, flip_leaf, flip_out, flip_at_once)
TARGETS = (
    "plans/race/a.md",
    "plans/leaf/a.md",
    "plans/moved/a.md",
    "plans/swap/a.md",
    "plans/race/deep/a.md",
    "plans/swap-link/a.md",
)


@contextmanager
def attacker(repository: Path, outside: Path) -> Iterator[None]:
    """Flip everything in turn, from a process of its own, until the block ends."""
    pid = os.fork()
    if not pid:
        try:
            while True:
                for flip in FLIPS:
                    with suppress(OSError):
                        flip(repository, outside)
        finally:
            os._exit(0)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def race(root: Root, count: int, outcomes: Counter[str]) -> int:
    """Open `count` times; return how often something from outside came back."""
    escapes = 0
    paths = [RelPath(path) for path in TARGETS]
    folders = [RelPath(path.rpartition("/")[0]) for path in TARGETS]
    for number in range(count):
        is_write, is_list = number % WRITE_EVERY == 0, number % LIST_EVERY == 0
        which = (number // WRITE_EVERY if is_write else number // LIST_EVERY if is_list else number) % len(paths)
        try:
            if is_write:
                outcome = write(root, RelPath(f"{folders[which]}/made-{number // WRITE_EVERY % MADE}.md"))
            elif is_list:
                names = [entry.name for entry in root.list(folders[which], PLANNER.reach)]
                outcome = "ESCAPE" if "only-outside.md" in names else "listed"
            else:
                data, _ = root.read(paths[which], PLANNER.reach, 64)
                outcome = "ESCAPE" if SECRET in data else "read"
        except HarnessError as refusal:
            outcome = refusal.code
        outcomes[outcome] += 1
        escapes += outcome == "ESCAPE"
    return escapes


def write(root: Root, path: RelPath) -> str:
    """Create a file, or replace the one that is there; return which."""
    try:
        root.create(path, WRITER, HARMLESS)
    except Conflict:
        root.replace(path, WRITER, HARMLESS)
        return "replaced"
    return "written"


def open_root(repository: Path, method: Any) -> Root:
    """Return the repository's root, opening by the method that is asked for."""
    if method != "by-name":
        return Root.open(str(repository), method=method)
    root = Root.open(str(repository))
    root._open = lambda folder, path, flags: os.open(path, flags, dir_fd=folder)
    return root


def state(folder: Path) -> dict[str, str]:
    """Return what lies in `folder`, by name."""
    return {str(path): path.read_text() if path.is_file() else "" for path in sorted(folder.rglob("*"))}


def run(method: str, count: int, *, timeout_s: float) -> dict[str, Any]:
    """Race in a process without the audit hook, which would only slow it down; return what it printed."""
    top = Path(__file__).parents[2]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, (top, top / "daemon", top / "ctl"))),
    }
    command = [sys.executable, "-m", "tests.support.confinement_race", method, str(count)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=timeout_s)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def main(method: Any, count: int) -> None:
    """Race and print `{"opens", "escapes", "changed_outside", "outcomes"}`."""
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        repository, outside = prepare(Path(folder))
        before = state(outside)
        with open_root(repository, method) as root, attacker(repository, outside):
            escapes = race(root, count, outcomes)
        changed = state(outside) != before
    print(
        json.dumps({"opens": count, "escapes": escapes, "changed_outside": changed, "outcomes": outcomes}), flush=True
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
