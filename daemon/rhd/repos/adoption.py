"""Adopting: from a folder that somebody names to a registered repository.

Creates what is missing and changes nothing that exists. A repository that was moved is taken up again only if the
place where it was no longer holds its id; a copy of one gets an id of its own, and that is said.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import partial
from weakref import WeakValueDictionary

import trio

from rhd.access import GIT_FACTS, PASSPHRASE_COPY, SCAFFOLD
from rhd.errors import Detached, HarnessError, NotFound, Refusal
from rhd.hosting.thread_call import ThreadCall
from rhd.ids import RelPath, RepoId, Slug
from rhd.repos.path_threads import ANSWER_WITHIN_S, does_not_answer
from rhd.repos.predecessor import Leftovers, find_leftovers
from rhd.repos.registry import Registry, Repo
from rhd.repos.scaffold import ADOPTED_MARKS, COPY, FOLDERS, ID, IGNORE, IGNORED, scaffold_files
from rhd.repos.supervisor import Supervisor
from rhd.workflow.git import find_repository
from rhd.workflow.root import Root, resolve
from rhwire.escape import escape

MAX_INDEX_BYTES = 64 << 20
MAX_HEAD_BYTES = 4 << 10


@dataclass(frozen=True, slots=True)
class Adopted:
    """What adopting did, or would do.

    Attributes:
        repo: as registered; None on a dry run of a repository that is not.
        path: the repository's real path.
        outcome: `adopted`, `kept` (it was already) or `moved`.
        created: paths of the files that were made, or would be.
        replaced: paths of the files that were written anew, or would be.
        leftovers: what the predecessor left behind.
        notes: what else the owner should know.
    """

    repo: Repo | None
    path: str
    outcome: str
    created: tuple[str, ...]
    replaced: tuple[str, ...]
    leftovers: Leftovers
    notes: tuple[str, ...]

    @property
    def to_commit(self) -> tuple[str, ...]:
        """What was created and belongs into git: all but the daemon's own folder and what the scaffold ignores."""
        return tuple(name for name in self.created if not name.startswith(".repo-harness/") and name not in IGNORED)


@dataclass(frozen=True, slots=True)
class _Survey:
    """What stands in a folder, before anything is done."""

    path: str
    missing: tuple[tuple[str, str], ...]
    repo_id: RepoId | None
    has_foreign_id: bool
    has_copy: bool
    leftovers: Leftovers


class Adopter:
    """Adopts repositories, one at a time at each path: a path whose file system hangs holds up no other."""

    def __init__(self, registry: Registry, services: Supervisor) -> None:
        self._registry = registry
        self._services = services
        self._threads = services.path_threads
        self._locks: WeakValueDictionary[str, trio.Lock] = WeakValueDictionary()
        self._filling: dict[str, ThreadCall[tuple[str, ...]]] = {}

    async def adopt(self, path: str, *, slug: Slug | None = None, is_dry_run: bool = False) -> Adopted:
        """Adopt the repository around `path`, an absolute path.

        Raises:
            Refusal: NOT_A_REPOSITORY, BARE_REPOSITORY, FOLDER_REFUSED, NAME_TAKEN, TIMEOUT, or what the file system or
                the database refuses.
        """
        top = (await self._threads.run(path, partial(_survey, path))).path
        lock = self._locks.setdefault(top, trio.Lock())
        async with lock:
            survey = await self._threads.run(top, partial(_survey, top))  # again, now that it is alone
            return await self._adopt(survey, slug, is_dry_run)

    async def _adopt(self, survey: _Survey, slug: Slug | None, is_dry_run: bool) -> Adopted:
        known = self._registry.by_path(survey.path)
        notes: list[str] = []
        repo_id = survey.repo_id
        if survey.has_foreign_id:
            notes.append("the id in .repo-harness is not this machine's own work; a new one is used")
        if known is not None and repo_id not in (None, known.id):
            raise Refusal(
                f"{known.slug} was adopted here, but another repository now stands in its place",
                code="NAME_TAKEN",
                next_step=f"Forget the one before: rhctl forget {known.slug}",
            )
        outcome = "kept" if known is not None else "adopted"
        elsewhere = self._registry.get(repo_id) if known is None and repo_id is not None else None
        if elsewhere is not None:
            if await self._threads.run(elsewhere.path, partial(_holds, elsewhere.path, elsewhere.id)):
                notes.append(f"this is a copy of {elsewhere.slug}, which is still adopted; it gets an id of its own")
                repo_id = None
            else:
                outcome, known = "moved", elsewhere
        if slug is not None and known is not None and slug != known.slug:
            raise Refusal(
                f"it is adopted as {known.slug}; a name stays",
                code="NAME_TAKEN",
                next_step=f"Leave --name out; to rename it: rhctl forget {known.slug}, then rhctl adopt --name {slug}",
            )
        if slug is not None and known is None:
            self._registry.check_free(slug)
        repo_id = known.id if known is not None else repo_id or RepoId.new()
        created = await self._fill(survey, repo_id, is_dry_run)
        if is_dry_run:
            written = (COPY,) if known is None else ()
            created, replaced = (created, written) if survey.has_copy else ((*created, *written), ())
            return Adopted(known, survey.path, outcome, created, replaced, survey.leftovers, tuple(notes))
        return await self._register(survey, known, outcome, repo_id, slug, created, notes)

    async def _fill(self, survey: _Survey, repo_id: RepoId, is_dry_run: bool) -> tuple[str, ...]:
        """Create what is missing and return its paths.

        Raises:
            Refusal: TIMEOUT, the file system does not answer. Until it does, another attempt there is refused too,
                since the two would write over each other.
        """
        before = self._filling.get(survey.path)
        if before is None or before.done.is_set():
            call = self._filling[survey.path] = ThreadCall(partial(_fill, survey, repo_id, is_dry_run))
            with trio.move_on_after(ANSWER_WITHIN_S):
                await call.done.wait()
                del self._filling[survey.path]
                return await call.result()
        raise does_not_answer(survey.path)

    async def _register(
        self,
        survey: _Survey,
        known: Repo | None,
        outcome: str,
        repo_id: RepoId,
        slug: Slug | None,
        created: tuple[str, ...],
        notes: list[str],
    ) -> Adopted:
        replaced: tuple[str, ...] = ()
        if known is None:
            name = survey.path.rpartition("/")[2]
            repo, passphrase = await self._registry.add(survey.path, name, slug=slug, repo_id=repo_id)
            await self._services.ready(repo.id)
            problem = await write_copy(self._services, repo.id, passphrase)
            if problem is not None:
                notes.append(f"the passphrase could not be written to {COPY}: {problem.message}")
            elif survey.has_copy:
                replaced = (COPY,)
                notes.append(f"the passphrase in {COPY} was replaced; the one before opens nothing here")
            else:
                created = (*created, COPY)
        else:
            repo = await self._registry.move(repo_id, survey.path) if outcome == "moved" else known
            if not self._registry.profiles(repo.id):
                await self._registry.start(repo.id, "planner", {})
            if not survey.has_copy:
                notes.append(f"{COPY} is gone; make a new passphrase with: rhctl passphrase rotate {repo.slug}")
        service = await self._services.ready(repo.id)
        if outcome == "kept" and not service.is_served:
            service.look_again()
        return Adopted(repo, survey.path, outcome, created, replaced, survey.leftovers, tuple(notes))


def _survey(path: str) -> _Survey:
    """Look at the repository around `path`; nothing is changed."""
    found = find_repository(path)
    if found.path is None:
        _refuse_hopeless(path)
        raise Refusal(f"{escape(path)} is not inside a git repository", code="NOT_A_REPOSITORY")
    if found.kind == "bare":
        raise Refusal(f"{escape(found.path)} is a bare git repository", code="BARE_REPOSITORY")
    if found.owner != os.geteuid():
        raise Refusal(f"{escape(found.path)} belongs to another user", code="FOLDER_REFUSED")
    with Root.open(found.path) as root:
        if root.identity != found.identity:
            raise Detached("the repository's folder was replaced while it was looked at")
        _refuse_special(root)
        path = root.real_path()
        is_adopted = any(root.look(RelPath(mark), SCAFFOLD) is not None for mark in ADOPTED_MARKS)
        wanted = [(IGNORE, "*\n")] if is_adopted else [*scaffold_files(), (IGNORE, "*\n")]
        missing = tuple((name, text) for name, text in wanted if root.look(RelPath(name), SCAFFOLD) is None)
        repo_id, has_foreign_id = _read_id(root)
        has_copy = root.look(RelPath(COPY), PASSPHRASE_COPY) is not None
        leftovers = find_leftovers(root)
    return _Survey(path, missing, repo_id, has_foreign_id, has_copy, leftovers)


def _refuse_hopeless(path: str) -> None:
    """Refuse a folder that would not be adopted if it were a repository, so that nobody makes one of it.

    Nor of one that may be one already, only that we may not look.
    """
    try:
        with Root.open(resolve(path)) as folder:
            _refuse_special(folder)
            _refuse_closed(folder)
    except Detached:
        raise Refusal(
            f"there is no folder {escape(path)}",
            code="NOT_A_REPOSITORY",
            next_step="Name a folder inside a git repository.",
        ) from None
    except Refusal as refusal:
        if refusal.code not in ("REPO_BROKEN", "READ_FAILED"):
            raise
        reason = refusal.message.rpartition(": ")[2]  # the system's own
        raise Refusal(
            f"{escape(path)} cannot be read: {reason}",
            code="READ_FAILED",
            next_step="Let the user whom the daemon runs as read it, then adopt it again.",
        ) from None


def _refuse_closed(folder: Root) -> None:
    try:
        folder.read(RelPath(".git/HEAD"), GIT_FACTS, MAX_HEAD_BYTES)
    except Refusal as refusal:
        if refusal.code == "READ_FAILED":
            raise


def _refuse_special(root: Root) -> None:
    for special, what in (("/", "the root of the file system"), (os.path.expanduser("~"), "your home folder")):
        try:
            with Root.open(special) as other:
                is_special = other.identity == root.identity
        except Refusal:
            continue
        if is_special:
            raise Refusal(f"{escape(root.path)} is {what}", code="FOLDER_REFUSED")


def _read_id(root: Root) -> tuple[RepoId | None, bool]:
    """Return the id that the folder holds, and whether it holds one that cannot be believed.

    Believed is a file that only this machine's owner can have written: ours, closed to others, and not tracked. An id
    that came with a clone would make the clone pass for the original.
    """
    facts = root.look(RelPath(ID), SCAFFOLD)
    if facts is None:
        return None, False
    try:
        text, facts = root.read(RelPath(ID), SCAFFOLD, 64)
        repo_id = RepoId(text.decode("ascii").strip())
    except (HarnessError, UnicodeDecodeError):
        return None, True
    if facts.owner != os.geteuid() or facts.permissions & 0o077 or _is_tracked(root):
        return None, True
    return repo_id, False


def _is_tracked(root: Root) -> bool:
    """Say whether git tracks the id file: its path stands in the index, whole or behind a shared prefix."""
    try:
        index, _ = root.read(RelPath(".git/index"), GIT_FACTS, MAX_INDEX_BYTES)
    except Refusal:
        return False
    return b".repo-harness/id\0" in index or (index[4:8] == b"\0\0\0\x04" and b"repo-harness/" in index)


def _holds(path: str, repo_id: RepoId) -> bool:
    """Say whether the folder at `path` still holds this id."""
    try:
        with Root.open(path) as root:
            return root.read(RelPath(ID), SCAFFOLD, 64)[0].strip() == repo_id.encode()
    except Refusal:
        return False


def _fill(survey: _Survey, repo_id: RepoId, is_dry_run: bool) -> tuple[str, ...]:
    """Create what is missing and return its paths."""
    needs_id = survey.repo_id != repo_id
    created = [name for name, _ in survey.missing] + ([ID] if needs_id and not survey.has_foreign_id else [])
    if is_dry_run:
        return tuple(created)
    with Root.open(survey.path) as root:
        root.make_folders(RelPath(".repo-harness"), SCAFFOLD, mode=0o700)
        if any(not name.startswith(".repo-harness/") for name, _ in survey.missing):
            for folder in FOLDERS:
                root.make_folders(RelPath(folder), SCAFFOLD)
        for name, text in survey.missing:
            path = RelPath(name)
            root.make_folders(RelPath(path.folder) if path.folder else "", SCAFFOLD)
            root.create(path, SCAFFOLD, text.encode())
        if needs_id:
            _put(root, ID, f"{repo_id}\n".encode())
    return tuple(created)


def _put(root: Root, name: str, data: bytes) -> None:
    """Write a file of the daemon's own, 0600, in place of whatever file stands there."""
    path, reach = RelPath(name), PASSPHRASE_COPY if name == COPY else SCAFFOLD
    if root.look(path, reach) is None:
        root.create(path, reach, data, mode=0o600)
    else:
        root.replace(path, reach, data, mode=0o600)


def _write_copy(root: Root, passphrase: str) -> None:
    root.make_folders(RelPath(".repo-harness"), PASSPHRASE_COPY, mode=0o700)
    _put(root, COPY, (json.dumps({"version": 1, "passphrase": passphrase}) + "\n").encode())


async def write_copy(services: Supervisor, repo_id: RepoId, passphrase: str) -> Refusal | None:
    """Write the passphrase's copy for people; return what refused it, since the passphrase holds either way."""
    service = services.get(repo_id)

    try:
        await service.write(lambda root: _write_copy(root, passphrase), written=None)
    except (Refusal, NotFound, Detached) as refusal:
        return refusal
    return None
