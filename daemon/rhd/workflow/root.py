"""`Root`: one folder of ours, held by its descriptor. Whatever touches a repository goes through here.

Each operation takes a `RelPath` and a `Reach`, checks the reach itself, and lets the kernel refuse links and
ways out (`rhd.workflow.openat`), so that the path that was checked is the real one. Only regular files on the
folder's own file system are read or replaced.

A folder that was moved, removed or replaced is *detached*: its descriptor would still lead to the old place, so
every operation first asks whether the path still names this very folder. It is never followed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Literal

from rhd import access
from rhd.access import Reach
from rhd.errors import Conflict, Detached, PathRefused, Refusal, WriteFailed
from rhd.rel_path import MAX_NAME_BYTES, RelPath
from rhd.workflow import openat, os_errors
from rhd.workflow import reach as reaches
from rhd.workflow.filestat import Entry, Facts
from rhd.workflow.temporary_file import TEMPORARY_NAME, make_temporary, sync
from rhwire.escape import escape

MAX_DEPTH = 12
"""How many folders deep `sweep` looks, and the catalog too."""

WRITING_REACHES = (access.PLANNER.reach, access.EXECUTOR.reach, access.SCAFFOLD, access.PASSPHRASE_COPY)
"""Every reach that anything is written through: where a temporary of ours can have been left."""

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY  # a FIFO must not hang a thread, a terminal not become ours
_LIST = os.O_RDONLY | os.O_DIRECTORY
_LOOK = getattr(os, "O_PATH", os.O_RDONLY) | os.O_NONBLOCK

LeftOut = Literal["link", "mount", "name", "not_regular"]
"""Why a name is left out of listings."""


def resolve(path: str) -> str:
    """Return `path` without any link in it, for a path that a person gave. Not for opening what is below it."""
    return os.path.realpath(path)


def is_there(path: str) -> bool:
    """Say whether anything is at `path`, for a path that a person gave. Only to report a typing error."""
    return os.path.lexists(path)


class Root:
    """One folder, held open; several threads may use it at once. Build it with `open`.

    Attributes:
        path: the absolute path it was opened by.
        identity: the folder's device and inode.
        owner: the uid that the folder belongs to.
        method: how it opens what is below.
    """

    def __init__(self, descriptor: int, path: str, method: openat.Method) -> None:
        facts = Facts(os.fstat(descriptor))
        self.path = path
        self.identity = facts.identity
        self.owner = facts.owner
        self.method = method
        self._open = openat.WAYS[method]
        self._held = openat.SharedDescriptor(descriptor, self._open_again)

    @classmethod
    def open(cls, path: str, *, method: openat.Method | None = None) -> Root:
        """Hold the folder at `path`, an absolute path whose last part is no link.

        Args:
            path: absolute.
            method: how to open what is below; the best that works here if not said.

        Raises:
            Detached: there is no such folder.
            Refusal: REPO_BROKEN, the system does not let us open it.
        """
        if not path.startswith("/") or "\0" in path:
            raise Refusal("a repository's folder is named by its absolute path", code="INVALID_ARGUMENT")
        path = path.rstrip("/") or "/"  # O_NOFOLLOW follows a link that a slash stands behind
        try:
            descriptor = os.open(path, openat.PASS | os.O_NOFOLLOW)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG):
                raise Detached("the repository's folder is not where it was") from error
            raise os_errors.cannot_open(error) from error
        try:
            return cls(descriptor, path, method or openat.best_method())
        except BaseException:
            os.close(descriptor)
            raise

    def close(self) -> None:
        """Let go of the folder; operations that other threads are in still finish."""
        self._held.close()

    def __enter__(self) -> Root:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rest(self, unused_s: float) -> bool:
        """Close the folder's descriptor until it is used again, if it was not for so long; return whether it is closed.

        A descriptor, unlike a watch, keeps a drive from being unmounted.
        """
        return self._held.rest(unused_s)

    def _open_again(self) -> int:
        try:
            descriptor = os.open(self.path, openat.PASS | os.O_NOFOLLOW)
        except OSError as error:
            raise Detached("the repository's folder is not where it was") from error
        if Facts(os.fstat(descriptor)).identity != self.identity:
            os.close(descriptor)
            raise Detached("the repository's folder is not where it was")
        return descriptor

    def is_attached(self) -> bool:
        """Say whether the path still names this very folder."""
        try:
            now = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return False
        return (now.st_dev, now.st_ino) == self.identity

    def is_writable(self, folder: RelPath, reach: Reach) -> bool:
        """Say whether the daemon's user may write in a folder; one that is missing refuses nothing.

        Raises:
            PathRefused: POLICY_DENIED; SYMLINK_ESCAPE for a link in the folders above.
            Refusal: READ_FAILED.
            Detached: the folder is not where it was.
        """
        if self.look(folder, reach) is None:
            return True
        with self._attached() as root, self._folder(root, folder.folder, openat.PASS) as above:
            return os.access(folder.name, os.W_OK, dir_fd=above, follow_symlinks=False)

    def real_path(self) -> str:
        """Return the folder's path without any link in it.

        Raises:
            Detached: the folder is not where it was.
        """
        with self._attached():
            return resolve(self.path)

    def read(self, path: RelPath, reach: Reach, max_bytes: int) -> tuple[bytes, Facts]:
        """Return a file's bytes, and its facts from just before they were read.

        Taken in that order, facts can be older than the bytes but never newer: a later comparison of facts
        looks once too often rather than once too seldom.

        Raises:
            PathRefused: POLICY_DENIED, SYMLINK_ESCAPE, NOT_A_FILE or NOT_A_REGULAR_FILE.
            NotFound: nothing is there.
            Refusal: FILE_TOO_LARGE; READ_FAILED with `details["reason"]`.
            Detached: the folder is not where it was.
        """
        self._judge(reaches.may_read(reach, path), path, reach)
        with self._attached() as folder:
            try:
                descriptor = self._open(folder, path, _READ)
                try:
                    facts = Facts(os.fstat(descriptor))
                    self._require_file(facts, path)
                    if facts.size_bytes > max_bytes:
                        raise os_errors.too_large(path, max_bytes)
                    data = _read_all(descriptor, facts.size_bytes, max_bytes)
                finally:
                    os.close(descriptor)
            except OSError as error:
                raise os_errors.cannot_read(error, path) from error
        if len(data) > max_bytes:  # it grew while being read
            raise os_errors.too_large(path, max_bytes)
        return data, facts

    def look(self, path: RelPath, reach: Reach) -> Facts | None:
        """Return the facts of what is at `path`, be it a link; None if nothing is.

        Raises:
            PathRefused: POLICY_DENIED; SYMLINK_ESCAPE for a link in the folders above.
            Refusal: READ_FAILED.
            Detached: the folder is not where it was.
        """
        is_reachable = reaches.may_read(reach, path) or reaches.may_write(reach, path) or reaches.may_hold(reach, path)
        self._judge(is_reachable, path, reach)
        try:
            with self._attached() as root, self._folder(root, path.folder, openat.PASS) as folder:
                return Facts(os.stat(path.name, dir_fd=folder, follow_symlinks=False))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
                return None
            raise os_errors.cannot_read(error, path) from error

    def list(
        self,
        folder: RelPath | Literal[""],
        reach: Reach,
        *,
        limit: int | None = None,
        arm: Callable[[int], None] | None = None,
        leave_out: Callable[[str, LeftOut], None] | None = None,
    ) -> Sequence[Entry]:
        """Return the files and folders in `folder` that `reach` can read or that may hold such, in no order.

        Links, devices, mounts and names that no `RelPath` can spell (not UTF-8, control characters, backslash) are left
        out.

        Args:
            folder: the empty path is the root.
            reach: what may be listed.
            limit: at most so many entries are returned; a caller with a bound asks for one more than that.
            arm: called with the folder's descriptor before its names are read, so that a watch misses nothing.
            leave_out: called with the path of each entry that `reach` names and that is left out, and why.

        Raises:
            PathRefused: POLICY_DENIED; SYMLINK_ESCAPE.
            NotFound: there is no such folder.
            Refusal: READ_FAILED.
            Detached: the root's folder is not where it was.
        """
        self._judge(reaches.may_hold(reach, folder), folder, reach)
        found: list[Entry] = []
        is_readable = reaches.reader_of(reach, folder)
        try:
            with self._attached() as root, self._folder(root, folder, _LIST) as descriptor:
                if arm is not None:
                    arm(descriptor)
                with os.scandir(descriptor) as names:
                    for name in names:
                        if limit is not None and len(found) >= limit:
                            break
                        path = _join(folder, name.name)
                        spelled = f"{folder}/{name.name}" if folder else name.name
                        is_file = is_readable(name.name)
                        if not is_file and not reaches.may_hold(reach, path or spelled):
                            continue
                        try:
                            facts = Facts(name.stat(follow_symlinks=False))
                        except FileNotFoundError:  # gone since
                            continue
                        if facts.is_folder and is_file and not reaches.may_hold(reach, path or spelled):
                            continue
                        if not is_file and not facts.is_folder and not facts.is_link:
                            continue
                        why = self._left_out(descriptor, name.name, path, facts)
                        if why is None and path is not None:
                            found.append(Entry(name.name, path, facts))
                        elif why is not None and leave_out is not None:
                            leave_out(spelled, why)
        except OSError as error:
            raise os_errors.cannot_read(error, folder or "the repository's folder") from error
        return found

    def _left_out(self, folder: int, name: str, path: RelPath | None, facts: Facts) -> LeftOut | None:
        """Return why an entry of an open folder is left out of listings; None if it is not."""
        if facts.is_link:
            return "link"
        if not facts.is_file and not facts.is_folder:
            return "not_regular"
        if path is None:
            return "name"
        # Only an indication: an overlay file system tells another device for files than for their folder.
        return "mount" if facts.device != self.identity[0] and self._is_mount(folder, name) else None

    def _is_mount(self, folder: int, name: str) -> bool:
        if self.method == "walk":
            return True
        try:
            os.close(self._open(folder, name, _LOOK))
        except OSError as error:
            return error.errno == errno.EXDEV
        return False

    def create(self, path: RelPath, reach: Reach, data: bytes, *, mode: int = 0o666) -> None:
        """Create a file with exactly these bytes; it is on disk, whole, or it is not there at all.

        Args:
            path: its folder exists (`make_folders`).
            reach: must allow writing it.
            data: all of its content.
            mode: permissions, subject to the process's umask from the first moment on.

        Raises:
            Conflict: WOULD_OVERWRITE, something is there.
            PathRefused: POLICY_DENIED, SYMLINK_ESCAPE.
            NotFound: its folder is missing.
            WriteFailed: the file system refused; nothing changed.
            Detached: the root's folder is not where it was.
        """
        self._judge(reaches.may_write(reach, path), path, reach)
        with self._writing(path) as folder, make_temporary(folder, data, mode) as temporary:
            # A link never replaces a file that another process creates at the same moment; a rename would.
            os.link(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)

    def replace(
        self, path: RelPath, reach: Reach, data: bytes, *, expected: Facts | None = None, mode: int | None = None
    ) -> None:
        """Replace a file's content by exactly these bytes; a reader sees the old or the new content, whole.

        Its mode stays, and its group, or else the group's permissions go.

        Args:
            path: a regular file of ours with one name.
            reach: must allow writing it.
            data: all of its new content.
            expected: what the file must still be, as `read` told it.
            mode: permissions to give it instead of those it has.

        Raises:
            Conflict: REVISION_CONFLICT, it is not as expected any more.
            PathRefused: POLICY_DENIED, SYMLINK_ESCAPE, NOT_A_FILE, NOT_A_REGULAR_FILE (hard links too).
            NotFound: nothing is there to replace.
            WriteFailed: the file system refused; the old content is intact.
            Detached: the root's folder is not where it was.
        """
        self._judge(reaches.may_write(reach, path), path, reach)
        with self._writing(path) as folder:
            old = self._replaceable(folder, path, expected)
            with make_temporary(folder, data, mode or 0o600, like=old if mode is None else None) as temporary:
                # Editors take no lock of ours: looked at once more, so that a save of theirs is lost only if it
                # falls between these two calls.
                self._replaceable(folder, path, expected)
                os.rename(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)

    def make_folders(self, folder: RelPath | Literal[""], reach: Reach, *, mode: int = 0o777) -> None:
        """Make `folder` and those above it where they are missing, each only if something below may be written.

        Raises:
            PathRefused: POLICY_DENIED, SYMLINK_ESCAPE.
            WriteFailed: the file system refused, or a file is in the way (reason `not_a_folder`).
            Detached: the root's folder is not where it was.
        """
        if not folder:
            return
        self._judge(reaches.may_hold_writes(reach, folder), folder, reach)
        parts = folder.split("/")
        try:
            with self._attached() as root:
                with suppress(FileNotFoundError), self._folder(root, folder, openat.PASS):
                    return  # it is there, as it nearly always is
                for depth, part in enumerate(parts):
                    above = "/".join(parts[:depth])
                    with self._folder(root, above, _LIST) as descriptor:
                        with suppress(FileExistsError):
                            os.mkdir(part, mode, dir_fd=descriptor)
                            sync(descriptor)
                with self._folder(root, folder, openat.PASS):
                    pass  # the last one is a folder, not a file or a link that was there before
        except OSError as error:
            raise os_errors.cannot_write(error, folder) from error

    def close_to_others(self, folder: RelPath, reach: Reach) -> None:
        """Take a folder's permissions away from all but its owner.

        Raises:
            PathRefused: POLICY_DENIED, SYMLINK_ESCAPE.
            WriteFailed: the file system refused.
            Detached: the root's folder is not where it was.
        """
        self._judge(reaches.may_hold_writes(reach, folder), folder, reach)
        try:
            with self._attached() as root, self._folder(root, folder, _LIST) as descriptor:
                mode = Facts(os.fstat(descriptor)).permissions
                if mode & 0o077:
                    os.fchmod(descriptor, mode & 0o700)
        except OSError as error:
            raise os_errors.cannot_write(error, folder) from error

    def sweep(self, writing: Iterable[Reach] = WRITING_REACHES) -> int:
        """Remove the temporaries that a killed process has left, and return how many there were.

        For the start, when nothing else writes. What cannot be looked at is passed over: the next start
        looks again.

        Raises:
            Detached: the root's folder is not where it was.
        """
        return self._sweep("", tuple(writing), MAX_DEPTH)

    def _sweep(self, folder: RelPath | Literal[""], writing: tuple[Reach, ...], depth: int) -> int:
        if not depth or not any(reaches.may_hold_writes(reach, folder) for reach in writing):
            return 0
        count, below = 0, []
        # PathRefused: another file system is mounted there. No temporary of ours is on it, and it is no reason to stop.
        with (
            suppress(OSError, PathRefused),
            self._attached() as root,
            self._folder(root, folder, _LIST) as descriptor,
            os.scandir(descriptor) as names,
        ):
            for name in names:
                with suppress(OSError):  # gone since, or not ours to remove: those after it are looked at all the same
                    if TEMPORARY_NAME.match(name.name):
                        facts = Facts(name.stat(follow_symlinks=False))
                        if facts.is_file and facts.owner == os.geteuid():
                            os.unlink(name.name, dir_fd=descriptor)
                            count += 1
                    elif name.is_dir(follow_symlinks=False) and (path := _join(folder, name.name)) is not None:
                        below.append(path)
        return count + sum(self._sweep(path, writing, depth - 1) for path in below)

    def _judge(self, is_allowed: bool, path: str, reach: Reach) -> None:
        if not is_allowed:
            raise PathRefused(f"{escape(path) or 'the folder'} is outside of what {reach.name} may reach")

    def _attached(self) -> openat.SharedDescriptor:
        if not self.is_attached():
            raise Detached("the repository's folder is not where it was")
        return self._held

    @contextmanager
    def _folder(self, root: int, folder: str, flags: int) -> Iterator[int]:
        descriptor = self._open(root, folder or ".", flags)
        try:
            if self.method == "walk" and os.fstat(descriptor).st_dev != self.identity[0]:
                raise os_errors.mounted(folder)
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _writing(self, path: RelPath) -> Iterator[int]:
        """Hold the folder of `path` open, and flush it after what was done in it."""
        try:
            with self._attached() as root, self._folder(root, path.folder, _LIST) as folder:
                yield folder
                sync(folder)
        except OSError as error:
            raise os_errors.cannot_write(error, path) from error

    def _require_file(self, facts: Facts, path: str) -> None:
        if facts.is_folder:
            raise PathRefused(f"{escape(path)} is a folder", code="NOT_A_FILE")
        if not facts.is_file:
            raise os_errors.irregular(path)
        if self.method == "walk" and facts.device != self.identity[0]:
            raise os_errors.mounted(path)

    def _replaceable(self, folder: int, path: RelPath, expected: Facts | None) -> Facts:
        facts = Facts(os.stat(path.name, dir_fd=folder, follow_symlinks=False))
        if facts.is_link:
            raise os_errors.link_refused(path)
        self._require_file(facts, path)
        if facts.links != 1:
            raise PathRefused(f"{escape(path)} has another name (a hard link)", code="NOT_A_REGULAR_FILE")
        if facts.owner != os.geteuid():
            raise WriteFailed(f"{escape(path)} belongs to another user", details={"reason": "owner"})
        if expected is not None and facts.signature != expected.signature:
            raise Conflict(f"{escape(path)} changed meanwhile")
        return facts


def _join(folder: str, name: str) -> RelPath | None:
    path = f"{folder}/{name}" if folder else name
    if len(path) < MAX_NAME_BYTES and path.isascii() and path.isprintable() and "\\" not in path:
        return RelPath.trust(path)  # what parsing it would find out, for nearly every name there is
    try:
        return RelPath(path)
    except PathRefused:
        return None


def _read_all(descriptor: int, size_bytes: int, max_bytes: int) -> bytes:
    """Return what is left to read, or a little more than `max_bytes` of it."""
    data = os.read(descriptor, size_bytes + 1)
    if len(data) == size_bytes:  # less than was asked for, and all that there was to be
        return data
    while len(data) <= max_bytes and (more := os.read(descriptor, 1 << 16)):
        data += more
    return data
