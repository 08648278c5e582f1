"""What git says of a repository, read from its files: no git is run, and nothing it may have been set up to run.

A repository may be hostile. Nothing in `.git` is executed, followed or trusted: names are taken only in the shape
that git writes them in, and a `.git` file, which may name any folder of the machine, is believed only if that
folder points back (a linked worktree by its `gitdir`, a submodule by `core.worktree`), so that no branch is shown
in a repository that it does not belong to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from rhd.access import GIT_FACTS
from rhd.errors import Detached, PathRefused, Refusal
from rhd.rel_path import RelPath
from rhd.workflow.root import Root, resolve

Kind = Literal["work tree", "linked worktree", "submodule", "bare", "none"]

_DOT_GIT = RelPath(".git")
_MAX_POINTER_BYTES, _MAX_CONFIG_BYTES, _MAX_PACKED_BYTES = 4 << 10, 64 << 10, 8 << 20
_SHA = re.compile(rb"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_BRANCH = re.compile(rb"ref: refs/heads/([^\x00-\x20\x7f~^:?*\[\\]{1,1000})\Z")
_NO_BRANCH = b"ref: refs/heads/.invalid"  # what a repository with reftables has as HEAD
_SECTION = re.compile(r"[ \t]*\[([^\]\"]*?)[ \t]*(\"[^\"]*\")?\]")
_WORKTREE = re.compile(r"[ \t]*worktree[ \t]*=[ \t]*(?:\"((?:[^\"\\]|\\.)*)\"|([^#;\"]*))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class GitFacts:
    """What is known of a repository; None where git does not say or is not believed.

    Attributes:
        branch: the branch that is checked out; None on a detached HEAD.
        is_worktree: whether this is a linked worktree.
        family: the real path of the git folder that all worktrees of one repository share.
    """

    branch: str | None = None
    is_worktree: bool = False
    family: str | None = None


@dataclass(frozen=True, slots=True)
class FoundRepository:
    """The repository around a folder.

    Attributes:
        kind: what it is; for "none" nothing else is said.
        path: the real path of its top folder; of a bare one, the git folder.
        owner: the uid that the top folder belongs to.
        identity: the top folder's device and inode, to be compared when it is opened later.
    """

    kind: Kind
    path: str | None = None
    owner: int | None = None
    identity: tuple[int, int] | None = None


def read_git_facts(root: Root) -> GitFacts:
    """Return what git says of the repository.

    Raises:
        Detached: the repository is not where it was.
    """
    dot_git = _look(root, _DOT_GIT)
    if dot_git == "folder" and _is_head(_read(root, ".git/HEAD")):
        return GitFacts(_read_branch(root, ".git/HEAD"), family=f"{root.real_path()}/.git")
    if dot_git == "file" and (named := _named_folder(root)) is not None:
        with _opened(named) as git:
            if git is not None:
                return _facts_of_worktree(root, git) or _facts_of_submodule(root, git) or GitFacts()
    return GitFacts()


@contextmanager
def opened_git_folder(root: Root) -> Iterator[tuple[Root | None, str]]:
    """Hold the folder that git keeps a repository's index in; with the path prefix of its content.

    What a `.git` file or link names need not point back here: git itself does not ask for that either.
    """
    match _look(root, _DOT_GIT):
        case "folder":
            yield root, ".git/"
        case "file":
            with _opened(_named_folder(root) or "") as git:
                yield git, ""
        case "link":
            with _opened(resolve(f"{root.path}/.git")) as git:
                yield git, ""
        case None:
            yield None, ""


def find_repository(path: str) -> FoundRepository:
    """Return the repository that contains `path`, an absolute path of a folder; of the kind `none` if none does."""
    if not path.startswith("/") or "\0" in path:
        return FoundRepository("none")
    top = resolve(path)
    while True:
        with _opened(top) as root:
            if root is not None:
                try:
                    kind = _kind_of(root)
                    if kind != "none":
                        return FoundRepository(kind, top, root.owner, root.identity)
                    if _look(root, _DOT_GIT) == "file":
                        return FoundRepository("none")  # a pointer to nowhere: git itself looks no further up
                except Detached:
                    return FoundRepository("none")
        if top == "/":
            return FoundRepository("none")
        top = top.rpartition("/")[0] or "/"


def _kind_of(root: Root) -> Kind:
    match _look(root, _DOT_GIT):
        case "folder":
            return "work tree" if _is_head(_read(root, ".git/HEAD")) else "none"
        case "file":
            with _opened(_named_folder(root) or "") as git:
                if git is None or not _is_head(_read(git, "HEAD")):
                    return "none"
                if _read(git, "commondir") is not None:
                    return "linked worktree"
                return "submodule" if _core_worktree(git) is not None else "work tree"
        case "link":
            return "work tree"  # some tools share a git folder so; its facts stay unknown
    is_bare = _is_head(_read(root, "HEAD")) and _look(root, RelPath("refs")) == "folder"
    return "bare" if is_bare and _read(root, "config", _MAX_CONFIG_BYTES) is not None else "none"


def _facts_of_worktree(root: Root, git: Root) -> GitFacts | None:
    back, shared = _read(git, "gitdir"), _read(git, "commondir")
    if back is None or shared is None:
        return None
    folder, _, name = _absolute(git, back).rpartition("/")
    if name != ".git" or not _is_same(folder or "/", root):
        return None
    with _opened(_absolute(git, shared)) as common:
        if common is None or not _is_head(_read(common, "HEAD")):
            return None
        family = common.real_path()
        # A folder that names us may itself be made up; only git puts one among the shared folder's worktrees.
        if git.real_path().rpartition("/")[0] != f"{family}/worktrees":
            return None
    return GitFacts(_read_branch(git, "HEAD"), is_worktree=True, family=family)


def _facts_of_submodule(root: Root, git: Root) -> GitFacts | None:
    back = _core_worktree(git)
    if back is None or not _is_same(_absolute(git, back.encode()), root):
        return None
    return GitFacts(_read_branch(git, "HEAD"), family=git.real_path())


def _read_branch(git: Root, path: str) -> str | None:
    """Return the branch that a HEAD file names; None on a detached HEAD."""
    found = _BRANCH.match(said := _read(git, path) or b"")
    if found is None or said == _NO_BRANCH:
        return None
    try:
        branch = found[1].decode()
        RelPath(f"refs/heads/{branch}")
    except (UnicodeDecodeError, PathRefused):
        return None
    return branch


def _core_worktree(git: Root) -> str | None:
    """Return `core.worktree` of a git folder's config."""
    found, section = None, ""
    for line in (_read(git, "config", _MAX_CONFIG_BYTES) or b"").decode("utf-8", "replace").splitlines():
        if header := _SECTION.match(line):
            section = header[1].lower() if header[2] is None else ""
            line = line[header.end() :]
        if section == "core" and (value := _WORKTREE.match(line)):
            quoted, plain = value.groups()
            found = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain.strip()
    return found or None


def _named_folder(root: Root) -> str | None:
    """Return the folder that a `.git` file names."""
    said = _read(root, ".git")
    if said is None or not said.startswith(b"gitdir: "):
        return None
    return _absolute(root, said.removeprefix(b"gitdir: "))


def _absolute(base: Root, said: bytes) -> str:
    """Return the path that a file of git's in `base` names; the kernel resolves its `..` when it is opened."""
    path = said.decode("utf-8", "surrogateescape")
    return path if path.startswith("/") else f"{base.path}/{path}"


def _is_same(path: str, root: Root) -> bool:
    with _opened(path) as other:
        return other is not None and other.identity == root.identity


@contextmanager
def _opened(path: str) -> Iterator[Root | None]:
    """Hold the folder at `path`, or None if there is no such folder."""
    try:
        root = Root.open(path)
    except (Refusal, ValueError):
        yield None
        return
    with root:
        yield root


def _look(root: Root, path: RelPath) -> Literal["file", "folder", "link"] | None:
    try:
        facts = root.look(path, GIT_FACTS)
    except Detached:
        raise
    except Refusal:
        return None
    if facts is None:
        return None
    return "file" if facts.is_file else "folder" if facts.is_folder else "link" if facts.is_link else None


def _read(root: Root, path: str, max_bytes: int = _MAX_POINTER_BYTES) -> bytes | None:
    """Return what a file of git's says, without the white space around it; None if it says nothing."""
    try:
        return root.read(RelPath(path), GIT_FACTS, max_bytes)[0].strip() or None
    except Detached:
        raise
    except Refusal:
        return None


def _is_head(said: bytes | None) -> bool:
    return said is not None and (said.startswith(b"ref: refs/") or _SHA.match(said) is not None)
