"""Adopting: from a folder that a person names to a registered repository.

Creates what is missing and changes nothing that exists but its own files. The id in `.repo-harness/` says which
repository a folder is, and anyone can copy it: it is believed only in the folder that was adopted, known by device and
inode, so that a copy never reads under the grants of the original. Where a repository was restored elsewhere, the owner
says which one it is.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from weakref import WeakValueDictionary

import trio

from rhd.access import GIT_FACTS, PASSPHRASE_COPY, SCAFFOLD
from rhd.errors import Detached, Refusal
from rhd.hosting.thread_call import ThreadCall
from rhd.ids import RepoId, Slug
from rhd.rel_path import RelPath
from rhd.repos.passphrase_copy import (
    IGNORE_ALL,
    Exposure,
    find_exposure,
    protect,
    put,
    read_id,
    refuse_tracked,
    write_copy,
)
from rhd.repos.path_threads import ANSWER_WITHIN_S, does_not_answer
from rhd.repos.predecessor_files import Leftovers, find_leftovers
from rhd.repos.registry import Registry, Repo
from rhd.repos.repo_supervisor import RepoSupervisor
from rhd.repos.scaffold import ADOPTED_MARKS, COPY, FOLDERS, ID, IGNORE, IGNORED, scaffold_files
from rhd.workflow.git import find_repository
from rhd.workflow.os_errors import REASONS, path_not_found
from rhd.workflow.root import Root, is_there, resolve
from rhwire.escape import escape

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
    """What stands in a folder, before anything is done.

    Attributes:
        path: its real path.
        identity: its device and inode.
        missing: the files to create, with their texts.
        repo_id: the id found in it, or None.
        id_changed_ns: when the file of that id was last changed.
        exposure: what would expose the passphrase's copy.
        has_copy: a copy of a passphrase is there.
    """

    path: str
    identity: tuple[int, int]
    missing: tuple[tuple[str, str], ...]
    repo_id: RepoId | None
    id_changed_ns: int
    exposure: Exposure
    has_copy: bool
    leftovers: Leftovers

    def is_of(self, repo: Repo) -> bool:
        """Say whether this is the very folder that was adopted, and its id is not younger than that.

        A folder that was made after the adopted one was deleted can have its inode.
        """
        return self.identity == repo.identity and self.id_changed_ns <= repo.adopted_at * 1e9


class Adopter:
    """Adopts repositories, one at a time at each path: a path whose file system hangs holds up no other."""

    def __init__(self, registry: Registry, services: RepoSupervisor) -> None:
        self._registry = registry
        self._services = services
        self._threads = services.path_threads
        self._locks: WeakValueDictionary[str, trio.Lock] = WeakValueDictionary()
        self._filling: dict[str, ThreadCall[tuple[str, ...]]] = {}

    async def adopt(
        self, path: str, *, slug: Slug | None = None, take_up: Slug | None = None, is_dry_run: bool = False
    ) -> Adopted:
        """Adopt the repository around `path`, an absolute path.

        Args:
            path: a folder in the repository.
            slug: the name it gets, if it is new (default: made from the folder's name).
            take_up: the adopted repository that this one is, in another place.
            is_dry_run: only say what would be done.

        Raises:
            Refusal: PATH_NOT_FOUND, NOT_A_REPOSITORY, BARE_REPOSITORY, FOLDER_REFUSED, NAME_TAKEN, SECRET_TRACKED,
                REPO_NOT_FOUND, TIMEOUT, or what the file system or the database refuses.
        """
        top = (await self._threads.run(path, partial(_survey, path))).path
        lock = self._locks.setdefault(top, trio.Lock())
        async with lock:
            survey = await self._threads.run(top, partial(_survey, top))  # again, now that it is alone
            return await self._adopt(survey, slug, take_up, is_dry_run)

    async def _adopt(self, survey: _Survey, slug: Slug | None, take_up: Slug | None, is_dry_run: bool) -> Adopted:
        notes: list[str] = []
        known, outcome = await self._recognize(survey, take_up, notes)
        if slug is not None and known is not None and slug != known.slug:
            raise Refusal(
                f"it is adopted as {known.slug}, and a name cannot be changed",
                code="NAME_TAKEN",
                next_step=f"Leave --name out; to rename it: rhctl forget {known.slug}, then rhctl adopt --name {slug}",
            )
        if slug is not None and known is None:
            self._registry.check_free(slug)
        if survey.exposure.has_foreign_ignore and IGNORE not in dict(survey.missing):
            notes.append(f"{IGNORE} was not ours; it is replaced, so that git add passes the passphrase over")
        repo_id = known.id if known is not None else RepoId.new()
        created = await self._fill(survey, repo_id, is_dry_run)
        if is_dry_run:
            written = (COPY,) if known is None else ()
            created, replaced = (created, written) if survey.has_copy else ((*created, *written), ())
            return Adopted(known, survey.path, outcome, created, replaced, survey.leftovers, tuple(notes))
        return await self._register(survey, known, outcome, repo_id, slug, created, notes)

    async def _recognize(self, survey: _Survey, take_up: Slug | None, notes: list[str]) -> tuple[Repo | None, str]:
        """Return the adopted repository that a folder is, and the outcome; None for one that is new."""
        here = self._registry.by_path(survey.path)
        named = self._registry.get(survey.repo_id) if survey.repo_id is not None else None
        if take_up is not None:
            return await self._take_up(survey, take_up, here)
        if here is not None:
            if survey.identity == here.identity:
                return here, "kept"
            if survey.repo_id not in (None, here.id):
                raise Refusal(
                    f"{here.slug} was adopted here, but another repository now stands in its place",
                    code="NAME_TAKEN",
                    next_step=f"Forget the one before: rhctl forget {here.slug}",
                )
            if survey.identity[1] != here.identity[1]:  # device numbers change when a machine starts again
                notes.append(f"the folder was replaced since it was adopted; clients of {here.slug} now reach this one")
            return here, "kept"
        if named is None:
            return None, "adopted"
        if survey.is_of(named):
            if await self._is_in_place(named):
                notes.append(f"{named.slug} is this folder under another path, {named.path}")
                return named, "kept"
            return named, "moved"
        notes.append(
            f"it bears the id of {named.slug}, which was adopted at {named.path}; it gets one of its own. If it is "
            f"that repository, restored: rhctl forget what it is now, then rhctl adopt --as {named.slug}"
        )
        return None, "adopted"

    async def _take_up(self, survey: _Survey, slug: Slug, here: Repo | None) -> tuple[Repo, str]:
        repo = self._registry.by_slug(slug)
        if repo is None:
            raise Refusal(
                f"no repository {slug} is adopted", code="REPO_NOT_FOUND", next_step="List them with: rhctl repos"
            )
        if here is not None and here.id != repo.id:
            raise Refusal(
                f"this folder is adopted as {here.slug}",
                code="NAME_TAKEN",
                next_step=f"Forget that first: rhctl forget {here.slug}, then rhctl adopt --as {slug}",
            )
        if here is None and await self._is_in_place(repo):
            raise Refusal(
                f"{slug} still stands at {escape(repo.path)}",
                code="NAME_TAKEN",
                next_step="Adopt this folder under a name of its own: rhctl adopt --name SLUG",
            )
        return repo, "kept" if here is not None else "moved"

    async def _is_in_place(self, repo: Repo) -> bool:
        return await self._threads.run(repo.path, partial(_stands_at, repo.path, repo.identity))

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
            repo, passphrase = await self._registry.add(
                survey.path, name, slug=slug, identity=survey.identity, repo_id=repo_id
            )
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
            repo = known
            if outcome == "moved" or (survey.path == known.path and survey.identity != known.identity):
                repo = await self._registry.move(repo_id, survey.path, survey.identity)
            if not self._registry.profiles(repo.id):
                await self._registry.start(repo.id, "planner", {})
            if not survey.has_copy:
                notes.append(f"{COPY} is gone; make a new passphrase with: rhctl passphrase rotate {repo.slug}")
        service = await self._services.ready(repo.id)
        if outcome == "kept" and not service.is_served:
            service.reopen_now()
        return Adopted(repo, survey.path, outcome, created, replaced, survey.leftovers, tuple(notes))


def _survey(path: str) -> _Survey:
    """Look at the repository around `path`; nothing is changed."""
    if not is_there(path):
        raise path_not_found(path)
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
        wanted = [] if is_adopted else scaffold_files()
        missing = tuple((name, text) for name, text in wanted if root.look(RelPath(name), SCAFFOLD) is None)
        if root.look(RelPath(IGNORE), SCAFFOLD) is None:
            missing += ((IGNORE, IGNORE_ALL.decode()),)
        refuse_tracked(root)
        repo_id, id_changed_ns = read_id(root)
        has_copy = root.look(RelPath(COPY), PASSPHRASE_COPY) is not None
        leftovers = find_leftovers(root)
        return _Survey(path, root.identity, missing, repo_id, id_changed_ns, find_exposure(root), has_copy, leftovers)


def _refuse_hopeless(path: str) -> None:
    """Refuse a folder that would not be adopted if it were a repository, so that no repository is made of it.

    Also refuses a folder that cannot be read: it may be a repository already.
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
        reason = (refusal.details or {}).get("reason", "other")
        raise Refusal(
            f"{escape(path)} cannot be read: {REASONS[reason]}",
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


def _stands_at(path: str, identity: tuple[int, int]) -> bool:
    """Say whether the folder at `path` is the one with this device and inode."""
    try:
        with Root.open(path) as root:
            return root.identity == identity
    except Refusal:
        return False


def _fill(survey: _Survey, repo_id: RepoId, is_dry_run: bool) -> tuple[str, ...]:
    """Create what is missing and return its paths."""
    created = [name for name, _ in survey.missing] + ([ID] if survey.repo_id is None else [])
    if is_dry_run:
        return tuple(created)
    with Root.open(survey.path) as root:
        protect(root)
        if any(not name.startswith(".repo-harness/") for name, _ in survey.missing):
            for folder in FOLDERS:
                root.make_folders(RelPath(folder), SCAFFOLD)
        for name, text in survey.missing:
            if name == IGNORE:
                continue
            path = RelPath(name)
            root.make_folders(RelPath(path.folder) if path.folder else "", SCAFFOLD)
            root.create(path, SCAFFOLD, text.encode())
        if survey.repo_id != repo_id:
            put(root, ID, f"{repo_id}\n".encode())
    return tuple(created)
