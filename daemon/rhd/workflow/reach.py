"""Whether a path lies within a `Reach`: pure, linear in time, deny wins at any depth.

Patterns are those of `rhd.access`: literal parts, `*` for any run of characters within one part, a final `**` for
everything below. There are no regular expressions here, since a model may choose the path and backtracking
would let it choose the time (CVE-2026-0621).

A path judged here must be the real one, every link resolved or refused: `Root` sees to that.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from rhd.access import Reach

# Code points that HFS+ ignores in names, so that `.g\u200cit` is `.git` there (CVE-2014-9390).
_IGNORED = dict.fromkeys(
    (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF, 0x00AD, 0x200B, 0x2060)
)


def may_read(reach: Reach, path: str) -> bool:
    """Say whether the file at `path` may be read and listed."""
    compiled = _compile(reach)
    parts = path.split("/")
    return _is_within(compiled.reads, parts) and not compiled.denies(parts)


def may_write(reach: Reach, path: str) -> bool:
    """Say whether the file at `path` may be created and replaced."""
    compiled = _compile(reach)
    parts = path.split("/")
    return _is_within(compiled.writes, parts) and not compiled.denies(parts)


def may_hold(reach: Reach, folder: str) -> bool:
    """Say whether something below `folder` might be readable or writable; the root is the empty text."""
    compiled = _compile(reach)
    parts = folder.split("/") if folder else []
    is_above = _is_above(compiled.reads, parts) or _is_above(compiled.writes, parts)
    return is_above and not compiled.denies(parts)


def may_hold_writes(reach: Reach, folder: str) -> bool:
    """Say whether something below `folder` might be writable."""
    compiled = _compile(reach)
    parts = folder.split("/") if folder else []
    return _is_above(compiled.writes, parts) and not compiled.denies(parts)


@dataclass(slots=True)
class _Node:
    """One part of some patterns: where the next parts lead."""

    is_end: bool = False
    is_all_below: bool = False
    literals: dict[str, _Node] = field(default_factory=dict)
    globs: list[tuple[Callable[[str], bool], _Node]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Compiled:
    reads: _Node
    writes: _Node
    names: frozenset[str]
    starts: tuple[str, ...]
    ends: tuple[str, ...]
    globs: tuple[Callable[[str], bool], ...]

    def denies(self, parts: Iterable[str]) -> bool:
        for part in parts:
            folded = _fold(part)
            if folded in self.names or folded.startswith(self.starts) or folded.endswith(self.ends):
                return True
            if self.globs and any(glob(folded) for glob in self.globs):
                return True
        return False


@functools.lru_cache(maxsize=256)
def _compile(reach: Reach) -> _Compiled:
    names, starts, ends, globs = set(), [], [], []
    for pattern in reach.denied:
        folded = _fold(pattern)
        if "*" not in folded:
            names.add(folded)
        elif folded.count("*") == 1 and folded.endswith("*"):
            starts.append(folded[:-1])
        elif folded.count("*") == 1 and folded.startswith("*"):
            ends.append(folded[1:])
        else:
            globs.append(_glob(folded))
    return _Compiled(
        _tree(reach.reads), _tree(reach.writes), frozenset(names), tuple(starts), tuple(ends), tuple(globs)
    )


def _tree(patterns: Iterable[str]) -> _Node:
    top = _Node()
    for pattern in patterns:
        *parts, last = pattern.split("/")
        node = top
        for part in parts if last == "**" else (*parts, last):
            if not part or "**" in part:
                raise ValueError(f"{pattern!r}: ** stands alone and last")
            if "*" in part:
                child = _Node()
                node.globs.append((_glob(part), child))
                node = child
            else:
                node = node.literals.setdefault(part, _Node())
        if last == "**":
            node.is_all_below = True
        else:
            node.is_end = True
    return top


def _glob(pattern: str) -> Callable[[str], bool]:
    """Return a matcher of one part: each piece between stars is found as early as it can be, never looked back."""
    first, *middle, last = pattern.split("*")

    def is_match(part: str) -> bool:
        if len(part) < len(first) + len(last) or not part.startswith(first) or not part.endswith(last):
            return False
        at, end = len(first), len(part) - len(last)
        for piece in middle:
            at = part.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return True

    return is_match


def _follow(top: _Node, parts: list[str]) -> list[_Node] | None:
    """Return where `parts` lead to, or None if they lead below a `**`."""
    nodes = [top]
    for part in parts:
        following = []
        for node in nodes:
            if node.is_all_below:
                return None
            if (child := node.literals.get(part)) is not None:
                following.append(child)
            following.extend(child for glob, child in node.globs if glob(part))
        nodes = following
    return nodes


def _is_within(top: _Node, parts: list[str]) -> bool:
    nodes = _follow(top, parts)
    return nodes is None or any(node.is_end for node in nodes)


def _is_above(top: _Node, parts: list[str]) -> bool:
    nodes = _follow(top, parts)
    return nodes is None or any(node.is_all_below or node.literals or node.globs for node in nodes)


def _fold(part: str) -> str:
    """Return the one spelling of all names that some file system takes for the same one."""
    if not part.isascii():
        part = unicodedata.normalize("NFKC", part.translate(_IGNORED)).casefold()
    return part.lower().rstrip(" .")
