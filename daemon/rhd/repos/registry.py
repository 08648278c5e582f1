"""`Registry`: the adopted repositories, in memory, written through to the store."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import trio

from rhd.access import ORCHESTRATOR
from rhd.errors import Refusal
from rhd.ids import RepoId, Slug, new_token
from rhd.store import repo_rows as rows
from rhd.store.database import Store

PASSPHRASE_BYTES = 24
"""192 bits: never chosen by a person, so one round of SHA-256 is all that its digest needs."""


@dataclass(frozen=True, slots=True)
class Repo:
    """One adopted repository.

    Attributes:
        id: immutable; everything that lasts is bound to it.
        slug: in URLs and arguments.
        name: the folder's name, for people; escape before printing.
        path: the real path it was adopted at.
        log: the id of its change log.
        passphrase: SHA-256 of its passphrase.
        adopted_at: seconds since the epoch.
        identity: device and inode of its folder when it was adopted or moved.
    """

    id: RepoId
    slug: Slug
    name: str
    path: str
    log: str
    passphrase: bytes
    adopted_at: float
    identity: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class AgentRuns:
    """The owner's permission to run agents in a repository; it exists exactly while the orchestrator is started there.

    Attributes:
        agents: the names of the agents that may be run.
        allow: rules for what Claude Code may run without asking, such as `Bash(pytest *)`.
        since: seconds since the epoch; the orchestrator profile of a grant that is older than that is dormant.
        is_leased: True if it ends with the command that asked for it (`repo-harness mcp serve`).
    """

    agents: tuple[str, ...]
    allow: tuple[str, ...] = ()
    since: float = 0.0
    is_leased: bool = False

    @classmethod
    def of_options(cls, options: Mapping[str, Any]) -> AgentRuns:
        """Return the permission that the options of a started profile describe."""
        return cls(tuple(options.get("agents", ())), tuple(options.get("allow", ())), options.get("since", 0.0))

    def to_options(self) -> dict[str, Any]:
        """Return it as the options of a started profile."""
        return {"agents": list(self.agents), "allow": list(self.allow), "since": self.since}


@dataclass(frozen=True, slots=True)
class RegistryChange:
    """A change that listeners are told of: `what` is adopted, forgotten, moved, profiles or passphrase."""

    what: str
    repo: Repo


class Registry:
    """Look-ups never wait. A change is visible, and listeners are told of it, once it is on disk and not before.

    Changes are made one at a time, and each looks again whether its repository is still adopted. Cancelling a caller
    does not undo its change, on disk or in memory.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._repos: dict[RepoId, Repo] = {}
        self._started: dict[RepoId, dict[str, dict[str, Any]]] = {}
        self._leased: dict[RepoId, dict[str, int]] = {}
        self._leased_runs: dict[RepoId, list[AgentRuns]] = {}
        self._listeners: list[Callable[[RegistryChange], None]] = []
        self._lock = trio.Lock()

    def load(self) -> None:
        """Read everything, blocking: for the start."""
        for row in self._store.read_now(rows.read_repos):
            repo = _repo(row)
            self._repos[repo.id] = repo
            self._started[repo.id] = {}
        for repo_id, profile, options in self._store.read_now(rows.read_started):
            if (started := self._started.get(RepoId(repo_id))) is not None:
                started[profile] = options

    def listen(self, listener: Callable[[RegistryChange], None]) -> Callable[[], None]:
        """Tell `listener` of every change from now on, and return what ends that; it must not raise or wait."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def __iter__(self) -> Iterator[Repo]:
        return iter(list(self._repos.values()))

    def __len__(self) -> int:
        return len(self._repos)

    def get(self, repo_id: str) -> Repo | None:
        """Return the adopted repository with this id."""
        return self._repos.get(repo_id)  # type: ignore[call-overload,no-any-return]

    def by_slug(self, slug: str) -> Repo | None:
        """Return the adopted repository with this slug."""
        return next((r for r in self._repos.values() if r.slug == slug), None)

    def by_path(self, path: str) -> Repo | None:
        """Return the repository that was adopted at exactly this real path."""
        return next((r for r in self._repos.values() if r.path == path), None)

    def around(self, path: str) -> Repo | None:
        """Return the repository that contains `path`, an absolute real path; the innermost of nested ones."""
        inside = [r for r in self._repos.values() if path == r.path or path.startswith(r.path.rstrip("/") + "/")]
        return max(inside, key=lambda r: len(r.path), default=None)

    def by_passphrase(self, passphrase: str) -> Repo | None:
        """Return the repository that this passphrase opens: exactly its own.

        The digests of 192 random bits are compared as dictionary keys would be: what a timing could tell of a
        digest says nothing about the passphrase.
        """
        digest = digest_passphrase(passphrase)
        return next((r for r in self._repos.values() if secrets.compare_digest(r.passphrase, digest)), None)

    def profiles(self, repo_id: RepoId) -> frozenset[str]:
        """Return the profiles that HTTP clients may be served now, leased ones included."""
        return frozenset(self._started.get(repo_id, {})) | frozenset(self._leased.get(repo_id, {}))

    def options(self, repo_id: RepoId, profile: str) -> dict[str, Any]:
        """Return what a started profile was started with."""
        return self._started.get(repo_id, {}).get(profile, {})

    def runs_enabled(self, repo_id: RepoId) -> AgentRuns | None:
        """Return the permission to run agents in a repository, those of all leases included; None if there is none."""
        options = self.options(repo_id, ORCHESTRATOR.name)
        given = [] if not options else [AgentRuns.of_options(options)]
        given += self._leased_runs.get(repo_id, ())
        if not given:
            return None
        return AgentRuns(
            tuple(dict.fromkeys(agent for runs in given for agent in runs.agents)),
            tuple(dict.fromkeys(rule for runs in given for rule in runs.allow)),
            min(runs.since for runs in given),
            all(runs.is_leased for runs in given),
        )

    async def add(
        self,
        path: str,
        name: str,
        *,
        slug: Slug | None,
        identity: tuple[int, int] = (0, 0),
        repo_id: RepoId | None = None,
    ) -> tuple[Repo, str]:
        """Register a repository with the planner started; return it and its passphrase, told this once.

        Args:
            path: its real path.
            name: the folder's name; the slug is made from it unless `slug` says one.
            identity: device and inode of its folder.
            repo_id: its id; a new one if left out.

        Raises:
            Refusal: NAME_TAKEN, the given slug is another repository's; REPO_BUSY, so is the id, since this moment.
        """
        async with self._changing():
            if repo_id in self._repos:
                raise Refusal("a folder with the same id is being adopted at this moment", code="REPO_BUSY")
            taken: set[str] = {r.slug for r in self._repos.values()}
            if slug is None:
                slug = _free_slug(Slug.suggest(name), taken)
            elif slug in taken:
                raise _taken_refusal(slug)
            passphrase = secrets.token_urlsafe(PASSPHRASE_BYTES)
            digest, log = digest_passphrase(passphrase), new_token(6)
            repo = Repo(repo_id or RepoId.new(), slug, name, path, log, digest, time.time(), identity)

            def save(connection: Any) -> None:
                rows.save_repo(connection, _row(repo))
                rows.save_started(connection, repo.id, "planner", {})

            await self._store.write(save)
            self._repos[repo.id] = repo
            self._started[repo.id] = {"planner": {}}
            self._tell("adopted", repo)  # with this its service begins, in the same step
        return repo, passphrase

    def check_free(self, slug: Slug) -> None:
        """Refuse a slug that another repository has.

        Raises:
            Refusal: NAME_TAKEN.
        """
        if self.by_slug(slug) is not None:
            raise _taken_refusal(slug)

    async def forget(self, repo_id: RepoId) -> None:
        """Unregister a repository and take it out of every grant on disk; its files stay.

        `Authority.forget` calls this, and brings the grants in memory in line with it.
        """
        async with self._changing():
            repo = self._adopted(repo_id)
            await self._store.write(lambda c: rows.forget_repo(c, repo_id, time.time()))
            self._drop(repo_id)
            self._tell("forgotten", repo)

    async def move(self, repo_id: RepoId, path: str, identity: tuple[int, int] = (0, 0)) -> Repo:
        """Record that a repository is now at `path`, a real path, in the folder with this device and inode."""
        async with self._changing():
            repo = replace(self._adopted(repo_id), path=path, identity=identity)
            await self._store.write(lambda c: rows.move_repo(c, repo_id, path, identity))
            self._repos[repo_id] = repo
            self._tell("moved", repo)
        return repo

    async def rotate_passphrase(self, repo_id: RepoId, *, also: Callable[[Any], None] | None = None) -> str:
        """Replace a repository's passphrase and return the new one; the old one is dead at once.

        Args:
            also: carried out in the same transaction, with the connection.
        """
        passphrase = secrets.token_urlsafe(PASSPHRASE_BYTES)
        digest = digest_passphrase(passphrase)

        def save(connection: Any) -> None:
            rows.save_passphrase(connection, repo_id, digest)
            if also is not None:
                also(connection)

        async with self._changing():
            repo = self._adopted(repo_id)
            await self._store.write(save)
            self._repos[repo_id] = replace(repo, passphrase=digest)
            self._tell("passphrase", self._repos[repo_id])
        return passphrase

    async def start(self, repo_id: RepoId, profile: str, options: dict[str, Any]) -> None:
        """Enable a profile for HTTP clients, now and after a restart."""
        async with self._changing():
            repo = self._adopted(repo_id)
            await self._store.write(lambda c: rows.save_started(c, repo_id, profile, options))
            self._started[repo_id][profile] = options
            self._tell("profiles", repo)

    async def stop(self, repo_id: RepoId, profile: str) -> None:
        """Disable a profile for HTTP clients."""
        async with self._changing():
            repo = self._adopted(repo_id)
            await self._store.write(lambda c: rows.delete_started(c, repo_id, profile))
            self._started[repo_id].pop(profile, None)
            self._tell("profiles", repo)

    def lease(self, repo_id: RepoId, profile: str, runs: AgentRuns | None = None) -> Callable[[], None]:
        """Start a profile until the returned function is called. Nothing is stored.

        Args:
            repo_id: the repository.
            profile: its name.
            runs: for the orchestrator, what it may run.

        Raises:
            Refusal: REPO_NOT_FOUND, it was forgotten meanwhile.
        """
        self._adopted(repo_id)
        leased = self._leased.setdefault(repo_id, {})
        leased[profile] = leased.get(profile, 0) + 1
        leased_runs = self._leased_runs.setdefault(repo_id, [])
        if runs is not None:
            runs = replace(runs, is_leased=True)
            leased_runs.append(runs)
        self._tell("profiles", self._repos[repo_id])
        is_held = True

        def end() -> None:
            nonlocal is_held
            if not is_held:
                return
            is_held = False
            leased[profile] -= 1
            if not leased[profile]:
                del leased[profile]
            if runs is not None:
                leased_runs.remove(runs)
            if (repo := self._repos.get(repo_id)) is not None:
                self._tell("profiles", repo)

        return end

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        """Let the block change the registry alone, and to its end though its caller is cancelled."""
        async with self._lock:
            with trio.CancelScope(shield=True):  # the store bounds its waits
                yield

    def _adopted(self, repo_id: RepoId) -> Repo:
        if (repo := self._repos.get(repo_id)) is None:
            raise Refusal("the repository is no longer adopted", code="REPO_NOT_FOUND")
        return repo

    def _drop(self, repo_id: RepoId) -> None:
        self._repos.pop(repo_id, None)
        self._started.pop(repo_id, None)
        self._leased.pop(repo_id, None)
        self._leased_runs.pop(repo_id, None)

    def _tell(self, what: str, repo: Repo) -> None:
        for listener in list(self._listeners):
            listener(RegistryChange(what, repo))


def digest_passphrase(passphrase: str) -> bytes:
    """Return the digest under which a passphrase is stored."""
    return hashlib.sha256(passphrase.strip().encode("utf-8", "surrogatepass")).digest()


def _taken_refusal(slug: Slug) -> Refusal:
    return Refusal(f"the name {slug} is taken by another repository", code="NAME_TAKEN")


def _free_slug(wanted: Slug, taken: set[str]) -> Slug:
    slug, number = wanted, 2
    while slug in taken:
        slug = Slug(f"{wanted[:44].rstrip('-')}-{number}")
        number += 1
    return slug


def _repo(row: rows.RepoRow) -> Repo:
    identity = (row.device, row.inode)
    return Repo(RepoId(row.id), Slug(row.slug), row.name, row.path, row.log, row.passphrase, row.adopted_at, identity)


def _row(repo: Repo) -> rows.RepoRow:
    return rows.RepoRow(
        repo.id, repo.slug, repo.name, repo.path, repo.log, repo.passphrase, repo.adopted_at, *repo.identity
    )
