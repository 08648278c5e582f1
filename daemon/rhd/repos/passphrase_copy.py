"""The copy of a repository's passphrase that people read, and what keeps it out of commits.

It is in the repository, in `.repo-harness/` (0700), behind an ignore file of ours, so that `git add -A` passes it
over. A repository can bring an ignore file of its own there, or track the copy: the one is replaced, the other refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from rhd.access import PASSPHRASE_CHECK, PASSPHRASE_COPY, SCAFFOLD
from rhd.errors import Detached, HarnessError, NotFound, Refusal
from rhd.ids import RepoId
from rhd.rel_path import RelPath
from rhd.repos.git_index import tracks
from rhd.repos.repo_supervisor import RepoSupervisor
from rhd.repos.scaffold import COPY, ID, IGNORE
from rhd.workflow.root import Root

FOLDER = RelPath(".repo-harness")
IGNORE_ALL = b"*\n"
MAX_IGNORE_BYTES = MAX_COPY_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Exposure:
    """What would let the copy be committed or read by others; all False if nothing would."""

    is_tracked: bool = False
    has_foreign_ignore: bool = False
    is_open: bool = False


def find_exposure(root: Root) -> Exposure:
    """Return what exposes the copy, or would expose it once it is written.

    Raises:
        PathRefused: `.repo-harness` is a link.
        Refusal: git's index or the ignore file cannot be read.
        Detached: the repository is not where it was.
    """
    facts = root.look(FOLDER, SCAFFOLD)
    return Exposure(
        is_tracked=tracks(root, COPY),
        has_foreign_ignore=facts is not None and not _ignores_all(root),
        is_open=facts is not None and bool(facts.permissions & 0o077),
    )


def read_copy(root: Root) -> str | None:
    """Return the passphrase that the copy holds; None if there is no copy, or none that can be read."""
    try:
        found = json.loads(root.read(RelPath(COPY), PASSPHRASE_CHECK, MAX_COPY_BYTES)[0])
        return found["passphrase"] if isinstance(found["passphrase"], str) else None
    except Detached:
        raise
    except (HarnessError, ValueError, KeyError, TypeError):
        return None


def refuse_tracked(root: Root) -> None:
    """Refuse a repository whose git tracks the copy.

    Raises:
        Refusal: SECRET_TRACKED, and what `find_exposure` raises.
    """
    if tracks(root, COPY):
        raise Refusal(f"git tracks {COPY}, so that the passphrase would be committed", code="SECRET_TRACKED")


def protect(root: Root) -> None:
    """Make `.repo-harness/` ours alone, with our ignore file in it, whatever stands there."""
    root.make_folders(FOLDER, SCAFFOLD, mode=0o700)
    root.close_to_others(FOLDER, SCAFFOLD)
    if not _ignores_all(root):
        put(root, IGNORE, IGNORE_ALL, mode=0o644)


def put(root: Root, name: str, data: bytes, *, mode: int = 0o600) -> None:
    """Write a file of the daemon's own in place of whatever file stands there."""
    path, reach = RelPath(name), PASSPHRASE_COPY if name == COPY else SCAFFOLD
    if root.look(path, reach) is None:
        root.create(path, reach, data, mode=mode)
    else:
        root.replace(path, reach, data, mode=mode)


async def write_copy(services: RepoSupervisor, repo_id: RepoId, passphrase: str) -> Refusal | None:
    """Write the copy; return what refused it, since the passphrase holds either way."""

    def write(root: Root) -> None:
        refuse_tracked(root)
        protect(root)
        put(root, COPY, (json.dumps({"version": 1, "passphrase": passphrase}) + "\n").encode())

    try:
        await services.get(repo_id).write(write, written=None)
    except (Refusal, NotFound, Detached) as refusal:
        return refusal
    return None


def read_id(root: Root) -> tuple[RepoId | None, int]:
    """Return the id that the folder holds, and when its file was last changed, in nanoseconds since the epoch."""
    try:
        text, facts = root.read(RelPath(ID), SCAFFOLD, 64)
        return RepoId(text.decode("ascii").strip()), facts.changed_ns
    except Detached:
        raise
    except (HarnessError, UnicodeDecodeError):
        return None, 0


def _ignores_all(root: Root) -> bool:
    try:
        return root.read(RelPath(IGNORE), SCAFFOLD, MAX_IGNORE_BYTES)[0].strip() == b"*"
    except NotFound:
        return False
