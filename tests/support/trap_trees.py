"""A repository full of traps, paths made to fall into them, and a judge that does not believe `Root`."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from hypothesis import strategies as st

from rhd.access import Reach
from rhd.errors import HarnessError
from rhd.rel_path import RelPath
from rhd.workflow.root import Root

FILES = (
    "AGENTS.md", "plans/a.md", "plans/prds/a b.md", "plans/prds/計画.md", "plans/prds/a: — b.md",
    "plans/deep/er/still/x.md", "plans/...", "plans/..a", "plans/a..", "plans/ ",
    "plans/~", "plans/%2e%2e", "-rf", "plans/prds/a.md",
)  # fmt: skip


TRICKY = (
    "..", ".", "", "...", "..;", "%2e%2e", "..%2f", "\\..\\", "~", "\0", "\n", "\x1b[2J", "\u2025", "．．", " ",
    "a" * 300,
)  # fmt: skip
DOTS = ("..", ".", "")


MAZE = ("a", "b", "l", "o", "a.md", "..", ".", "")
"""Whatever is put together of these leads somewhere in the maze: two folders in each, `l` up and `o` out of it."""
_ROOMS = ["/".join(("maze", *way)) for depth in range(5) for way in itertools.product("ab", repeat=depth)]


@dataclass(frozen=True)
class Tree:
    """Where everything lies. Each file's content is its own path; whatever lies outside says SECRET."""

    repository: Path
    outside: Path


def make(folder: Path) -> Tree:
    """Build a tree below `folder`."""
    repository, outside = folder / "repo", folder / "repo-outside"
    for name in (*FILES, *(f"{room}/a.md" for room in _ROOMS)):
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    for name in ("a.md", "plans/a.md", "prds/a b.md", *(f"{room}/a.md" for room in _ROOMS)):
        path = outside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("SECRET")
    for name, target in {
        "up": "..", "out": str(outside), "plans/out": "../../repo-outside", "plans/prds/leaf.md": str(outside / "a.md"),
        "plans/inside": "prds", "root": "/", "proc": "/proc/self/root", "self": ".", "loop": "loop", "none": "nowhere",
        "plans/same.md": "a.md",
    }.items():  # fmt: skip
        (repository / name).symlink_to(target)
    for room in _ROOMS:
        (repository / room / "l").symlink_to("..")
        (repository / room / "o").symlink_to(outside / room)
    os.mkfifo(repository / "plans/pipe")
    return Tree(repository, outside)


def names(tree: Tree) -> list[str]:
    """Return every name that there is in the repository."""
    return sorted({part for path in tree.repository.rglob("*") for part in path.relative_to(tree.repository).parts})


def starts(tree: Tree) -> list[str]:
    """Return what makes a path an absolute one, here or elsewhere."""
    return ["/", "//", f"{tree.outside}/", f"{tree.repository}/", "\\\\", "file:///"]


def paths(tree: Tree) -> st.SearchStrategy[str]:
    """Return texts that a caller might send as a path: six ways of making them up."""
    there = names(tree)
    part = st.sampled_from(there) | st.sampled_from(TRICKY) | st.text(max_size=8)
    real = st.sampled_from(FILES)
    return st.one_of(
        real,
        st.lists(part, min_size=1, max_size=8).map("/".join),
        st.lists(st.sampled_from([*there, *DOTS]), min_size=1, max_size=12).map("/".join),
        st.tuples(real, st.sampled_from(TRICKY), st.integers(0, 30)).map(lambda t: t[0][: t[2]] + t[1] + t[0][t[2] :]),
        st.tuples(st.sampled_from(starts(tree)), real).map("".join),
        st.text(st.characters() | st.sampled_from("/.\\~%"), max_size=60),
    )


def vary(tree: Tree, drawn: Sequence[str], random: Random) -> Iterator[str]:
    """Yield, for ever, `drawn` first and then what can be made of it: two of its kind rarely turn out the same."""
    yield from drawn
    there, first = names(tree), starts(tree)
    parts = [*there, *TRICKY, *{part for path in drawn for part in path.split("/")}]
    whole = [*FILES, *drawn]
    while True:
        match random.randrange(7):
            case 0:
                yield "/".join(random.choices(parts, k=random.randint(1, 8)))
            case 1:
                yield "/".join(random.choices([*there, *DOTS], k=random.randint(1, 12)))
            case 2:
                yield _insert(random, _insert(random, random.choice(whole), TRICKY), parts)
            case 3:
                yield random.choice(first) + _insert(random, random.choice(whole), parts)
            case 4:
                above, below = random.choice(whole), random.choice(whole)
                yield above[: random.randint(0, len(above))] + "/" + below[random.randint(0, len(below)) :]
            case 5:
                yield "maze/" + "/".join(random.choices(MAZE, k=random.randint(1, 9)))
            case 6:
                plane = random.choice((0x7F, 0x7FF, 0xD7FF, 0x10FFFF))
                letters = (chr(random.randint(0, plane)) for _ in range(random.randint(1, 40)))
                yield "".join(random.choice("/.\\~%") if random.random() < 0.3 else letter for letter in letters)


def _insert(random: Random, text: str, pieces: Sequence[str]) -> str:
    at = random.randint(0, len(text))
    return text[:at] + random.choice(pieces) + text[at:]


def judge(tree: Tree, root: Root, reach: Reach, text: str) -> str:
    """Read `text` through `root` and say what came of it; whatever came back is checked against the disk itself."""
    try:
        path = RelPath(text)
        data, facts = root.read(path, reach, 4096)
    except HarnessError as refusal:
        return refusal.code
    assert data.decode() == text, "the file that was read is the file that was named, by its one name"
    named = tree.repository / text
    assert os.path.realpath(named) == str(named)
    found = os.lstat(named)
    assert (found.st_dev, found.st_ino) == facts.identity
    return "ok"
