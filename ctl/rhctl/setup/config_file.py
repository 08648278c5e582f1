"""`ConfigFile`: a client's configuration file, with our entry merged in or taken out; the rest keeps its bytes."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Any

from rhctl.setup import json_text, toml_text
from rhctl.setup.client_spec import SERVER, ClientSpec
from rhwire.errors import HarnessError, code_of_write
from rhwire.file_replacement import replace_file
from rhwire.text_files import change_text, decode_text

BACKUP = ".repo-harness.bak"
"""The ending of the copy that is kept of a file as it was before our entry was first merged in."""


class ConfigFile:
    """One file of one client. Nothing is changed before `write`.

    Attributes:
        path: where it is.
        before: its bytes, or None if it does not exist.
    """

    def __init__(self, spec: ClientSpec, path: str, project: str | None = None) -> None:
        """Read the file.

        Args:
            project: the repository that the file belongs to; None for one of the user's own.

        Raises:
            HarnessError: CONFIG_INVALID, it cannot be read or is not a plain file.
        """
        self._spec = spec
        self._project = project
        self._keys = (*spec.keys, SERVER)
        self.path = path
        self.before = read(path)

    def find(self) -> dict[str, Any] | None:
        """Return our entry; None if there is none, or if the file cannot be understood."""
        try:
            return self._find(self.before or b"")
        except ValueError:
            return None

    def merge(self, entry: Mapping[str, Any]) -> bytes:
        """Return the file with our entry in it; keys that the user added to the entry stay.

        Raises:
            HarnessError: CONFIG_INVALID, the file is not what a client can read, or holds comments.
        """
        try:
            return self._merge(self.before or b"", entry)
        except ValueError as error:
            raise HarnessError(
                f"{self.path} is left as it is: {error}",
                code="CONFIG_INVALID",
                next_step="Correct it, or add yourself what this command prints without --write.",
            ) from None

    def remove(self) -> bytes | None:
        """Return the file without our entry; None if nothing of the user's is left, so that it should not exist.

        A file that is still what a merge into the kept copy makes becomes that copy again, byte for byte.

        Raises:
            HarnessError: CONFIG_INVALID.
        """
        if self.before is None or self.find() is None:
            return self.before
        kept = read(self.path + BACKUP)
        entry = self._find(self.before)
        assert entry is not None
        if kept is not None:
            try:
                if self._merge(kept, entry) == self.before:
                    return kept
            except ValueError:
                pass
        is_kept = sum(1 for depth in range(len(self._spec.keys)) if self._has(kept, self._spec.keys[: depth + 1]))
        found = change_text(self.before, lambda text: self._edits()[1](text, self._keys, is_kept))
        return found if kept is not None or found.strip() not in (b"", b"{}") else None

    def write(self, data: bytes | None) -> None:
        """Replace the file and keep a copy of what it was; None deletes it.

        Raises:
            HarnessError: WRITE_FAILED or DISK_FULL. SYMLINK_ESCAPE where the file is a link, which may be shared with
                other machines, or a project's folder is one: it came with the checkout and may lead anywhere.
                REPO_DETACHED where the project is gone.
        """
        if data == self.before:
            return
        folder, had_entry = os.path.dirname(self.path), self.find() is not None
        try:
            self._make_folders(folder)
            _refuse_link(self.path)
            if self.before is not None and not os.stat(self.path).st_mode & 0o222:
                raise HarnessError(
                    f"{self.path} is read-only",
                    code="WRITE_FAILED",
                    next_step="Make it writable first, or add yourself what this command prints without --write.",
                )
            if read(self.path) != self.before:
                raise HarnessError(
                    f"{self.path} was changed at this moment", code="WRITE_FAILED", next_step="Run the command again."
                )
            self._replace(data, folder, keeps_copy=not had_entry)
        except OSError as error:
            code = code_of_write(error, "WRITE_FAILED")
            raise HarnessError(f"cannot write {self.path}: {error.strerror}", code=code) from error

    def diff(self, data: bytes | None) -> str:
        """Return what would change, as a unified diff."""
        import difflib

        old, new = ((each or b"").decode("utf-8", "replace").splitlines(keepends=True) for each in (self.before, data))
        lines = difflib.unified_diff(old, new, self.path, self.path, n=3)
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)

    # -- inside ------------------------------------------------------------------------------------------------

    def _replace(self, data: bytes | None, folder: str, *, keeps_copy: bool) -> None:
        copy = self.path + BACKUP
        mode = os.stat(self.path).st_mode & 0o777 if self.before is not None else 0o644
        if keeps_copy and self.before is not None:
            replace_file(copy, self.before, mode=mode)
        if data is not None:
            replace_file(self.path, data, mode=mode)
        else:
            os.unlink(self.path)
        if not keeps_copy and (data is None or self._find(data) is None):
            if os.path.lexists(copy):
                os.unlink(copy)
            while data is None and folder != self._project and not os.listdir(folder):
                os.rmdir(folder)
                folder = os.path.dirname(folder)

    def _make_folders(self, folder: str) -> None:
        if self._project is None:
            os.makedirs(folder, exist_ok=True)
            return
        if not os.path.isdir(self._project):  # a checkout is never made anew, with nothing in it but our file
            raise HarnessError(f"{self._project} is not there any more", code="REPO_DETACHED")
        part = self._project
        for name in os.path.relpath(folder, self._project).split(os.sep):
            part = os.path.normpath(os.path.join(part, name))
            if part != self._project:
                _refuse_link(part)
                if not os.path.isdir(part):
                    os.mkdir(part)

    def _edits(self) -> tuple[Any, Any, Any]:
        if self._spec.format == "toml":
            return toml_text.set_entry, toml_text.remove_entry, toml_text.parse
        return json_text.set_member, json_text.remove_member, json_text.parse

    def _merge(self, data: bytes, entry: Mapping[str, Any]) -> bytes:
        return change_text(data, lambda text: self._edits()[0](text, self._keys, entry))

    def _find(self, data: bytes) -> dict[str, Any] | None:
        found: Any = self._edits()[2](decode_text(data))
        for key in self._keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else None

    def _has(self, data: bytes | None, keys: tuple[str, ...]) -> bool:
        try:
            found: Any = self._edits()[2](decode_text(data or b""))
        except ValueError:
            return False
        for key in keys:
            if not isinstance(found, dict) or key not in found:
                return False
            found = found[key]
        return True


def _refuse_link(path: str) -> None:
    if os.path.islink(path):
        raise HarnessError(
            f"{path} is a link", code="SYMLINK_ESCAPE", next_step="Make the change in the real file yourself."
        )


def read(path: str) -> bytes | None:
    """Return a file's bytes, or None if there is none; a pipe or a device is never waited for.

    Raises:
        HarnessError: CONFIG_INVALID, it cannot be read.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise HarnessError(f"cannot read {path}: {error.strerror}", code="CONFIG_INVALID") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise HarnessError(f"{path} is not a plain file", code="CONFIG_INVALID")
    with open(fd, "rb") as stream:
        return stream.read()
