"""Whether a path is within a `Reach`: pure, linear in time, deny wins at any depth.

Patterns are those of `rhd.access`: literal parts, `*` for any run of characters within one part, a final `**` for
everything below. There are no regular expressions here, since a model may choose the path and backtracking
would let it choose the time (CVE-2026-0621).

A path checked here must be the real one, every link resolved or refused: `Root` sees to that.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from rhd.access import Reach

# Code points that HFS+ ignores in names, so that `.g\u200cit` is `.git` there (CVE-2014-9390).
_IGNORED = dict.fromkeys(
    (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF, 0x00AD, 0x200B, 0x2060)
)


def may_read(reach: Reach, path: str) -> bool:
    """Say whether the file at `path` may be read and listed."""
    folder, _, name = path.rpartition("/")
    compiled = _compile(reach)
    rules = compiled.rules_of(folder)
    return not rules.is_denied and _is_end(rules.reads, name) and not compiled.denies(name)


def reader_of(reach: Reach, folder: str) -> Callable[[str], bool]:
    """Return what says of each name in `folder` whether that file may be read; for whole folders at once."""
    compiled = _compile(reach)
    rules = compiled.rules_of(folder)
    if rules.is_denied:
        return lambda _: False
    if rules.reads is None:
        return lambda name: not compiled.denies(name)
    return lambda name: _is_end(rules.reads, name) and not compiled.denies(name)


def may_write(reach: Reach, path: str) -> bool:
    """Say whether the file at `path` may be created and replaced."""
    folder, _, name = path.rpartition("/")
    compiled = _compile(reach)
    rules = compiled.rules_of(folder)
    return not rules.is_denied and _is_end(rules.writes, name) and not compiled.denies(name)


def may_hold(reach: Reach, folder: str) -> bool:
    """Say whether something below `folder` might be readable or writable; the root is the empty text."""
    rules = _compile(reach).rules_of(folder)
    return not rules.is_denied and (_goes_on(rules.reads) or _goes_on(rules.writes))


def may_hold_writes(reach: Reach, folder: str) -> bool:
    """Say whether something below `folder` might be writable."""
    rules = _compile(reach).rules_of(folder)
    return not rules.is_denied and _goes_on(rules.writes)


_MAX_REACHES = 256
_MAX_FOLDERS = 1024


@dataclass(slots=True)
class _Node:
    """One part of some patterns: where the next parts lead."""

    is_end: bool = False
    is_all_below: bool = False
    literals: dict[str, _Node] = field(default_factory=dict)
    globs: list[tuple[Callable[[str], bool], _Node]] = field(default_factory=list)


_Nodes = list[_Node] | None
"""Where the parts of a path have led to in the patterns; None is below a `**`, where everything matches."""


class _FolderRules(NamedTuple):
    """What a reach says of one folder. Most questions are about files of a folder that was asked about before."""

    is_denied: bool
    reads: _Nodes
    writes: _Nodes


class _Compiled:
    """A reach, ready to be asked."""

    def __init__(self, reach: Reach) -> None:
        self._reads, self._writes = _tree(reach.reads), _tree(reach.writes)
        denied = [_fold(pattern) for pattern in reach.denied]
        self._names = frozenset(pattern for pattern in denied if "*" not in pattern)
        # Nearly all patterns have one star at an end; a whole tuple of those is compared at once.
        self._starts = tuple(p[:-1] for p in denied if p.endswith("*") and p.count("*") == 1)
        self._ends = tuple(p[1:] for p in denied if p.startswith("*") and p.count("*") == 1 and p != "*")
        plain = {*self._names, *(p + "*" for p in self._starts), *("*" + p for p in self._ends)}
        self._globs = tuple(_glob(pattern) for pattern in denied if pattern not in plain)
        self._rules: dict[str, _FolderRules] = {}

    def denies(self, part: str) -> bool:
        """Say whether this part of a path denies the whole of it."""
        folded = _fold(part)
        if folded in self._names or folded.startswith(self._starts) or folded.endswith(self._ends):
            return True
        return any(is_match(folded) for is_match in self._globs) if self._globs else False

    def rules_of(self, folder: str) -> _FolderRules:
        """Return what is said of `folder`."""
        rules = self._rules.get(folder)
        if rules is None:
            parts = folder.split("/") if folder else []
            is_denied = any(map(self.denies, parts))
            rules = _FolderRules(is_denied, _follow(self._reads, parts), _follow(self._writes, parts))
            if len(self._rules) >= _MAX_FOLDERS:
                self._rules.clear()
            self._rules[folder] = rules
        return rules


_COMPILED: dict[int, tuple[Reach, _Compiled]] = {}


def _compile(reach: Reach) -> _Compiled:
    """Return the reach, compiled once. By identity: hashing its fifty patterns would take longer than matching."""
    found = _COMPILED.get(id(reach))
    if found is None:
        if len(_COMPILED) >= _MAX_REACHES:
            _COMPILED.clear()
        found = _COMPILED[id(reach)] = (reach, _Compiled(reach))  # kept with it, so that the id stays its own
    return found[1]


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


def _follow(top: _Node, parts: Iterable[str]) -> _Nodes:
    nodes: _Nodes = [top]
    for part in parts:
        nodes = _step(nodes, part)
    return nodes


def _step(nodes: _Nodes, part: str) -> _Nodes:
    if nodes is None:
        return None
    following = []
    for node in nodes:
        if node.is_all_below:
            return None
        if (child := node.literals.get(part)) is not None:
            following.append(child)
        following.extend(child for is_match, child in node.globs if is_match(part))
    return following


def _is_end(nodes: _Nodes, name: str) -> bool:
    last = _step(nodes, name)
    return last is None or any(node.is_end for node in last)


def _goes_on(nodes: _Nodes) -> bool:
    return nodes is None or any(node.is_all_below or node.literals or node.globs for node in nodes)


def _fold(part: str) -> str:
    """Return the one spelling of all names that some file system takes for the same one."""
    if not part.isascii():
        part = unicodedata.normalize("NFKC", part.translate(_IGNORED)).casefold()
    return part.lower().rstrip(" .")
