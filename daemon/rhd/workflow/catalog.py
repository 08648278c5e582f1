"""`Catalog`: what artifacts a repository holds. The only source of truth about that; hints only say where to look.

`refresh` compares the disk with what is known and answers with the changes: what was added, modified, removed, each
once. A file is opened only if its signature (inode, size, times) is not the known one; whether it *changed* is then
decided by its bytes, so that equal content is never announced.

A signature can lie: two writes within one tick of the file system's clock leave the same times. A file that was
written so shortly before it was read is kept with a signature that no file has, and the answer asks, by `again`, to
be called once more for its folder when the clock has moved on. Nothing else is needed: the second look either finds
other bytes, or stores a signature that every later write must change.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal, NamedTuple

from rhd.access import ARTIFACTS
from rhd.errors import Detached, NotFound, PathRefused, Refusal
from rhd.rel_path import RelPath
from rhd.store.change_rows import ArtifactRow
from rhd.workflow.artifacts import Artifact, Artifacts, Signature
from rhd.workflow.filestat import Entry
from rhd.workflow.kinds import kind_of
from rhd.workflow.outline import Outline, read_outline
from rhd.workflow.revisions import VERSION_BYTES, digest_of, version_digest
from rhd.workflow.root import MAX_DEPTH, Root
from rhd.workflow.temporary_file import TEMPORARY_NAME

Arm = Callable[[str, int], None]
"""Takes a folder that is about to be listed, and its descriptor."""

MAX_ARTIFACTS = 20_000
MAX_READ_BYTES = 4 << 20
"""Larger files are listed by their signature alone."""

_CLOCK_GRAIN_NS = 50_000_000  # a kernel tick is 10 ms at most
_COARSE_GRAIN_NS = 2_100_000_000  # FAT counts two seconds, HFS+ and some network file systems one
_SKEW_NS = 2_000_000_000

# What editors, agents and systems leave lying about, be it for the blink in which they save: never an artifact, and so
# never announced.
_NOISE = re.compile(
    r".*~|.*\.tmp(?:\.[\w.-]+)?|.*___jb_(?:tmp|old)___|\.#.*|#.*#|\..*\.sw[a-z]|4913|\.DS_Store|\.git(?:keep|ignore|attributes)",
    re.DOTALL,
)


class Change(NamedTuple):
    """One artifact that is not as it was."""

    path: RelPath
    kind: str
    change: Literal["added", "modified", "removed"]


Reason = Literal["link", "mount", "unreadable", "too_deep", "too_many", "name", "not_regular"]
"""Why something is not served.

`link`: links are not followed · `mount`: it is on another file system · `unreadable`: the system does not let the
daemon read it · `too_deep`, `too_many`: more folders or artifacts than are kept · `name`: it is not UTF-8, or holds a
control character or a backslash · `not_regular`: a pipe, a socket or a device.
"""


class Problem(NamedTuple):
    """Something that the catalog cannot hold, or not as it should; everything else is held all the same.

    Attributes:
        path: of a file or folder; "" is the repository. As the file system spells it: escape before printing.
        reason: why.
    """

    path: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh found.

    Attributes:
        changes: what became different, ordered by path.
        save: what to store anew; more than there are changes, since a file touched or rewritten with equal bytes has a
            new signature.
        delete: paths whose rows are to go.
        again: folders to refresh once more, not before `again_after_s` seconds from now.
        again_after_s: None if `again` is empty.
    """

    changes: tuple[Change, ...]
    save: tuple[Artifact, ...]
    delete: tuple[str, ...]
    again: frozenset[str]
    again_after_s: float | None


class Catalog:
    """One repository's artifacts. One thread at a time refreshes; any thread reads the attributes at any moment.

    Attributes:
        artifacts: all of them; a new mapping after each refresh that found something.
        folders: the folders in which a change can matter, every folder above them included up to the root, which
            is the empty path; what a watcher watches.
        problems: by path, what could not be held.
    """

    def __init__(self, root: Root, key: bytes, known: Iterable[ArtifactRow] = ()) -> None:
        """Begin with what the store knows, without looking at the disk; `refresh(None)` then says what is new."""
        self._root = root
        self._key = key
        found = {row.path: Artifact.from_row(row) for row in known}
        self.artifacts = Artifacts(artifact for artifact in found.values() if artifact is not None)
        self._senseless = {path for path, artifact in found.items() if artifact is None}
        self._folders: dict[str, int | None] = {"": None}
        for path in self.artifacts:
            for folder in _folders_above(path):
                self._folders.setdefault(folder, None)  # to be listed
        self.folders = frozenset(self._folders)
        self.problems: Mapping[str, Problem] = MappingProxyType({})
        self._is_full = False

    def refresh(self, folders: frozenset[str] | None = None, arm: Arm | None = None) -> Refreshed:
        """Look again and return what changed.

        Args:
            folders: relative folders to list; what appeared or vanished in them is followed with everything below.
                None looks at everything.
            arm: called with each folder that is listed and its descriptor, before its names are read.

        Raises:
            Detached: the repository is not where it was; nothing is changed.
        """
        if self._is_full:
            folders = None  # what was left out may fit by now, in any folder
        refresh = _Refresh(self._root, self._key, self.artifacts, self._folders, self.problems, arm)
        refresh.at(None if folders is None else {refresh.nearest(folder) for folder in folders})
        refreshed = refresh.result(self._senseless if folders is None else set())
        if folders is None:
            self._senseless = set()
        if refresh.touched:
            self.artifacts = Artifacts(refresh.artifacts.values())
        self._folders = refresh.folders
        self.folders = frozenset(refresh.folders)
        self.problems = MappingProxyType(refresh.problems)
        self._is_full = refresh.is_full
        return refreshed


class _Refresh:
    """One refresh in progress, on copies: a repository that is detached half-way leaves the catalog as it was."""

    def __init__(
        self,
        root: Root,
        key: bytes,
        artifacts: Artifacts,
        folders: Mapping[str, int | None],
        problems: Mapping[str, Problem],
        arm: Arm | None,
    ) -> None:
        self._root = root
        self._arm = arm
        self._key = key
        self.artifacts = dict(zip(artifacts, artifacts.all(), strict=True))
        self.folders = dict(folders)
        self.problems = dict(problems)
        self.touched: dict[str, Artifact | None] = {}  # as they were before
        self.is_full = False  # an artifact was left out, since there are so many
        self._again: dict[str, int] = {}
        self._files_in = _by_folder(self.artifacts)
        self._folders_in = _by_folder(folder for folder in self.folders if folder)

    def nearest(self, folder: str) -> str:
        """Return the folder, or the one above it that is known: listing that one will find it, if it is there."""
        while folder and folder not in self.folders:
            folder = folder.rpartition("/")[0]
        return folder

    def at(self, folders: Iterable[str] | None) -> None:
        """List these folders, or all, and what is new below them."""
        is_whole = folders is None
        waiting = {"": True} if folders is None else dict.fromkeys(folders, False)
        while waiting:
            folder, is_new = waiting.popitem()
            if folder not in self.folders:
                continue  # not there when the one above was listed: if it has come back, that one is hinted again
            for below, stamp in self._list(folder):
                # One that is not as it was (its names changed, or another took its place) may have lost its hints.
                if is_whole or is_new or self.folders.get(below) != stamp:
                    waiting[below] = True
                self.folders[below] = stamp

    def result(self, senseless: set[str]) -> Refreshed:
        """Return what is different from before; rows that made no sense go too, if nothing has taken their place."""
        changes, save = [], []
        delete = sorted(senseless.difference(self.artifacts))
        for path, old in sorted(self.touched.items()):
            new = self.artifacts.get(path)
            if new is not None and new != old:
                save.append(new)
            if old is None and new is not None:
                changes.append(Change(new.path, new.kind, "added"))
            elif old is not None and new is None:
                changes.append(Change(old.path, old.kind, "removed"))
                delete.append(path)
            elif old is not None and new is not None and old.digest != new.digest:
                changes.append(Change(new.path, new.kind, "modified"))
        after_s = max(self._again.values()) / 1e9 if self._again else None
        return Refreshed(tuple(changes), tuple(save), tuple(delete), frozenset(self._again), after_s)

    def _list(self, folder: str) -> list[tuple[str, int]]:
        """Bring the files in `folder` up to date; return the folders in it, with a stamp of what they look like."""
        # Its own and its files' are found again below; those of a folder in it, when that one is listed.
        for path in [p for p in self.problems if p == folder or p.rpartition("/")[0] == folder]:
            if path == folder or path not in self.folders:
                del self.problems[path]
        left_out: dict[str, Reason] = {}
        try:
            arm = None if self._arm is None else partial(self._arm, folder)
            listing = self._root.list(
                RelPath.trust(folder) if folder else "",
                ARTIFACTS,
                limit=MAX_ARTIFACTS + 1,
                arm=arm,
                leave_out=left_out.__setitem__,
            )
        except Detached:
            raise
        except (NotFound, PathRefused) as refusal:  # gone, or a link now, which is the same
            self._forget(folder)
            self._note_mount(folder, refusal)
            return []
        except Refusal:  # what is known of it stays until it can be read
            self.problems[folder] = Problem(folder, "unreadable")
            return []
        files, folders = [], []
        for entry in listing:
            if entry.facts.is_folder:
                folders.append((str(entry.path), hash(entry.facts.signature)))
            elif not _NOISE.fullmatch(entry.name) and not TEMPORARY_NAME.fullmatch(entry.name):
                files.append(entry)
        if len(listing) > MAX_ARTIFACTS:
            self.problems[folder] = Problem(folder, "too_many")
        for gone in self._folders_in.get(folder, set()) - {path for path, _ in folders}:
            self._forget(gone)
        for gone in self._files_in.get(folder, set()) - {entry.path for entry in files}:
            self._drop(gone)
        for path, reason in left_out.items():  # only now: what was known of a folder that is a link now is forgotten
            name = path.rpartition("/")[2]
            if not _NOISE.fullmatch(name) and not TEMPORARY_NAME.fullmatch(name) and len(self.problems) < MAX_ARTIFACTS:
                self.problems[path] = Problem(path, reason)
        for entry in files:
            self._take(entry)
        if folder.count("/") + 2 > MAX_DEPTH and folders:
            self.problems[folder] = Problem(folder, "too_deep")
            return []
        return folders

    def _take(self, entry: Entry) -> None:
        """Bring one file up to date, opening it only if it does not look as it did."""
        path = str(entry.path)
        old = self.artifacts.get(path)
        if old is not None and old.signature == entry.facts.signature:
            return
        if old is None and len(self.artifacts) >= MAX_ARTIFACTS:
            self.is_full = True
            self.problems[""] = Problem("", "too_many")
            return
        new = self._read(entry, old)
        if new is None:
            self._drop(path)
        elif new != old:
            self.artifacts[path] = new
            self.touched.setdefault(path, old)

    def _read(self, entry: Entry, old: Artifact | None) -> Artifact | None:
        path, signature = entry.path, entry.facts.signature
        if entry.facts.size_bytes <= MAX_READ_BYTES:
            now_ns = time.time_ns()
            try:
                data, facts = self._root.read(path, ARTIFACTS, MAX_READ_BYTES)
            except Detached:
                raise
            except (NotFound, PathRefused) as refusal:  # gone since it was listed, or no file any more
                self._note_mount(path, refusal)
                return None
            except Refusal as refusal:
                if refusal.code != "FILE_TOO_LARGE":  # that one grew since it was listed
                    self.problems[path] = Problem(path, "unreadable")
                    signature = _never(signature)
                    if old is not None:
                        return Artifact(path, signature, old.digest, old.outline)
            else:
                signature = self._settle(path, facts.signature, now_ns)
                outline = read_outline(kind_of(path), entry.name, data)
                digest = version_digest(self._key, data)
                is_same = old is not None and (old.digest, old.modified_ns) == (digest, signature[2])
                return Artifact(
                    path, signature, digest, outline, old.recency_ns if old is not None and is_same else None
                )
        digest = digest_of(self._key, b"signature", repr(entry.facts.signature).encode(), VERSION_BYTES)
        return Artifact(path, signature, digest, Outline())

    def _settle(self, path: RelPath, signature: Signature, now_ns: int) -> Signature:
        """Return the signature to keep: the file's own only if whatever is written from now on will change it."""
        *_, modified_ns, changed_ns = signature
        is_coarse = modified_ns % 1_000_000_000 == changed_ns % 1_000_000_000 == 0
        grain_ns = _COARSE_GRAIN_NS if is_coarse else _CLOCK_GRAIN_NS
        if changed_ns < now_ns - grain_ns:
            return signature
        if changed_ns < now_ns + _SKEW_NS:  # else the clocks differ, and asking again soon would never end
            self._again[path.folder] = max(self._again.get(path.folder, 0), grain_ns)
        return _never(signature)

    def _forget(self, folder: str) -> None:
        self.folders.pop(folder, None)
        below = folder + "/"
        for path in [p for p in self.folders if p.startswith(below)]:
            del self.folders[path]
        for path in [p for p in self.artifacts if p.startswith(below)]:
            self._drop(path)
        for path in [p for p in self.problems if p == folder or p.startswith(below)]:
            del self.problems[path]

    def _drop(self, path: str) -> None:
        if (old := self.artifacts.pop(path, None)) is not None:
            self.touched.setdefault(path, old)

    def _note_mount(self, path: str, refusal: Refusal) -> None:
        if refusal.details is not None and refusal.details.get("reason") == "mount":
            self.problems[path] = Problem(path, "mount")


def _never(signature: Signature) -> Signature:
    return (*signature[:3], -1)


def _folders_above(path: str) -> Iterable[str]:
    while path:
        path = path.rpartition("/")[0]
        yield path


def _by_folder(paths: Iterable[str]) -> Mapping[str, set[str]]:
    grouped: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        grouped[path.rpartition("/")[0]].add(path)
    return grouped
