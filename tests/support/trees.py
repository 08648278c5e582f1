"""A repository full of traps, paths made to fall into them, and a judge that does not believe `Root`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from rhd.access import Reach
from rhd.errors import HarnessError
from rhd.ids import RelPath
from rhd.workflow.root import Root

FILES = (
    "AGENTS.md", "plans/a.md", "plans/prds/a b.md", "plans/prds/計画.md", "plans/prds/a: — b.md",
    "plans/deep/er/still/x.md", "plans/...", "plans/..a", "plans/a..", "plans/ ",
    "plans/~", "plans/%2e%2e", "-rf", "plans/prds/a.md",
)  # fmt: skip


@dataclass(frozen=True)
class Tree:
    """Where everything lies. Each file's content is its own path; whatever lies outside says SECRET."""

    repository: Path
    outside: Path


def make(folder: Path) -> Tree:
    """Build a tree below `folder`."""
    repository, outside = folder / "repo", folder / "repo-outside"
    for name in FILES:
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    for name in ("a.md", "plans/a.md", "prds/a b.md"):
        path = outside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("SECRET")
    for name, target in {
        "up": "..", "out": str(outside), "plans/out": "../../repo-outside", "plans/prds/leaf.md": str(outside / "a.md"),
        "plans/inside": "prds", "root": "/", "proc": "/proc/self/root", "self": ".", "loop": "loop", "none": "nowhere",
        "plans/same.md": "a.md",
    }.items():  # fmt: skip
        (repository / name).symlink_to(target)
    os.mkfifo(repository / "plans/pipe")
    return Tree(repository, outside)


def paths(tree: Tree) -> st.SearchStrategy[str]:
    """Return texts that a caller might send as a path: six ways of making them up."""
    names = sorted({part for path in tree.repository.rglob("*") for part in path.relative_to(tree.repository).parts})
    starts = ["/", "//", f"{tree.outside}/", f"{tree.repository}/", "\\\\", "file:///"]
    tricky = [
        "..",
        ".",
        "",
        "...",
        "..;",
        "%2e%2e",
        "..%2f",
        "\\..\\",
        "~",
        "\0",
        "\n",
        "\x1b[2J",
        "\u2025",
        "．．",
        " ",
        "a" * 300,
    ]
    part = st.sampled_from(names) | st.sampled_from(tricky) | st.text(max_size=8)
    real = st.sampled_from(FILES)
    return st.one_of(
        real,
        st.lists(part, min_size=1, max_size=8).map("/".join),
        st.lists(st.sampled_from([*names, "..", ".", ""]), min_size=1, max_size=12).map("/".join),
        st.tuples(real, st.sampled_from(tricky), st.integers(0, 30)).map(lambda t: t[0][: t[2]] + t[1] + t[0][t[2] :]),
        st.tuples(st.sampled_from(starts), real).map("".join),
        st.text(st.characters() | st.sampled_from("/.\\~%"), max_size=60),
    )  # fmt: skip


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
