"""`Logins`: from an authorization request to an authorization code, by a passphrase or by the owner's word.

The first answer of a login, on the page or in a terminal, writes its one row. The code is made when the browser
comes for it, so an answer that was lost is had again by coming again, until the code is used.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from rhd.access import HUB, PROFILES
from rhd.errors import Refusal
from rhd.ids import RepoId
from rhd.oauth import redirects
from rhd.oauth.approvals import Approvals
from rhd.oauth.clients import Client
from rhd.oauth.errors import RedirectError
from rhd.oauth.grants import Grants, digest_secret, new_grant_id
from rhd.oauth.login import Login, LoginOver, LoginSigner, client_of, mark_of, offered_profiles, read_request
from rhd.oauth.redirects import RedirectRules
from rhd.oauth.wrong_passphrases import WrongPassphrases
from rhd.repos.registry import Registry, Repo
from rhd.store import oauth_rows as rows
from rhd.store.audit import NO_GRANT, AuditLog
from rhd.store.database import Store

CODE_S = 60.0
MAX_PASSPHRASES = 16
CODE_PREFIX = "rhc_"


class Logins:
    """Begins, opens and answers logins."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        grants: Grants,
        audit: AuditLog,
        wrong: WrongPassphrases,
        find_client: Callable[[str], Awaitable[Client | None]],
        key: bytes,
        clock: Callable[[], float],
        rules: RedirectRules,
    ) -> None:
        self._store = store
        self._registry = registry
        self._grants = grants
        self._audit = audit
        self._wrong = wrong
        self._find_client = find_client
        self._clock = clock
        self._rules = rules
        self.signer = LoginSigner(key, clock, rules)
        self.waiting = Approvals()

    async def begin(
        self,
        parameters: Sequence[tuple[str, str]],
        *,
        origin: str,
        browser: str,
        resource_of: Callable[[str], str | None],
    ) -> Login:
        """Return the login that an authorization request asks for; nothing is kept of it here.

        Args:
            parameters: of the query, in order.
            origin: that the request came to; it will be `iss`.
            browser: the browser's cookie.
            resource_of: from a resource's URL to `hub`, a slug, or None for one that is not ours.

        Raises:
            Refusal: CLIENT_NOT_FOUND or LOGIN_REFUSED, for the page; the browser is not redirected.
            RedirectError: for the client.
        """
        client_id = client_of(parameters)
        client = await self._find_client(client_id)
        if client is None:
            named = client_id if client_id.startswith("https://") else None
            self._audit.event("login.begin", "CLIENT_NOT_FOUND", principal=NO_GRANT, target=named)
            raise Refusal(
                "This client is not known here: its registration is old, or its description cannot be read.",
                code="CLIENT_NOT_FOUND",
                next_step="Try again. If that does not help, remove the connection in the client and add it again.",
            )
        is_trusted = client.id in self._grants.clients or all(
            self._rules.is_known(uri) or redirects.is_loopback(uri) for uri in client.redirect_uris
        )
        outcome, target = "ok", None
        try:
            login = read_request(
                parameters,
                client,
                origin=origin,
                browser=browser,
                now=self._clock(),
                is_trusted=is_trusted,
                resource_of=resource_of,
            )
            target = redirects.host_of(login.redirect_uri)
        except RedirectError as error:
            outcome = error.error
            raise
        except Refusal as refusal:
            outcome = refusal.code
            target = next((value for name, value in parameters if name == "redirect_uri"), None)
            raise
        finally:
            self._audit.event("login.begin", outcome, principal=NO_GRANT, client=client.name, target=target)
        return login

    async def unlock(self, login: Login, text: str) -> tuple[Login, int]:
        """Return the login with the repositories opened that these passphrases open, and how many were wrong.

        Wrong ones are counted and answered a second later; who brings a right one never waits and is never refused.

        Args:
            text: one or more passphrases, separated by white space.

        Raises:
            Refusal: TOO_MANY_TRIES, all were wrong, and many wait already.
        """
        words = list(dict.fromkeys(text.split()))[:MAX_PASSPHRASES]
        found = [self._registry.by_passphrase(word) for word in words]
        right = [repo for repo in found if repo is not None and login.resource in (HUB, repo.slug)]
        if wrong := len(words) - len(right):
            await self._wrong.answer(wrong, client=login.client.name, is_delayed=not right)
        return login.with_opened(right), wrong

    def is_proven(self, text: str, signed: str) -> bool:
        """Say whether who sends this has a right passphrase, or had one on the page before. In microseconds.

        Nothing follows from it but that a flood of others does not keep this one waiting.
        """
        words = text.split()[:MAX_PASSPHRASES]
        return any(self._registry.by_passphrase(word) for word in words) or self.signer.has_opened(signed)

    def opened(self, login: Login) -> list[Repo]:
        """Return the repositories that a login's passphrases open now: not those whose passphrase was rotated since."""
        found = [(self._registry.get(repo_id), mark) for repo_id, mark in login.opened]
        return [repo for repo, mark in found if repo is not None and mark_of(repo) == mark]

    async def allow(self, login: Login, choice: Mapping[str, Iterable[str]]) -> str:
        """Answer a login with what its page was ticked for; return where the browser goes.

        Args:
            choice: profiles by repository id; only repositories that the login has opened count.

        Raises:
            Refusal: WRONG_PASSPHRASE, it has opened nothing that is still open; INVALID_ARGUMENT, nothing is ticked;
                LOGIN_EXPIRED, it was answered and used before.
        """
        opened = {repo.id: repo for repo in self.opened(login)}
        if not opened:
            raise Refusal(
                "The passphrase was changed, or repo-harness was restarted, since this page was loaded.",
                code="WRONG_PASSPHRASE",
                next_step="Type the passphrase again.",
            )
        profiles = {
            repo_id: _profiles(choice[repo_id]) & set(self.offered(login, repo))
            for repo_id, repo in opened.items()
            if choice.get(repo_id)
        }
        await self._grant(login, {k: v for k, v in profiles.items() if v}, proofs=opened)
        return await self.finish(login)

    def offered(self, login: Login, repo: Repo) -> list[str]:
        """Return the profiles that a login's page offers in a repository."""
        are_runs_enabled = bool(self._registry.runs_enabled(repo.id))
        return offered_profiles(login, self._registry.profiles(repo.id), are_runs_enabled=are_runs_enabled)

    def refuse(self, login: Login) -> str:
        """Refuse a login on its page; return where the browser goes. Nothing is stored of it."""
        self.waiting.leave(self.signer.code_of(login))
        self._audit.event("login.refuse", principal=NO_GRANT, client=login.client.name, target="page")
        return login.answer(error="access_denied", error_description="the owner refused the login")

    def wait(self, login: Login) -> str:
        """Let a login be answered in a terminal; return the code to be typed there."""
        code = self.signer.code_of(login)
        self.waiting.enter(code, login)
        return code

    async def is_answered(self, login: Login) -> bool:
        """Say whether a login was answered, be it before a restart."""
        return await self._store.read(lambda connection: rows.read_login(connection, login.id)) is not None

    def find(self, code: str) -> Login:
        """Return the login that waits under a code.

        Raises:
            Refusal: APPROVAL_NOT_FOUND.
        """
        login = self.waiting.find(code)
        if not self.signer.is_current(login.began_at):
            self.waiting.leave(self.signer.code_of(login))
            raise Refusal("no login with that code is waiting", code="APPROVAL_NOT_FOUND")
        return login

    async def approve(self, code: str, repo_ids: Iterable[RepoId], profiles: Iterable[str]) -> str:
        """Answer a waiting login with the owner's word, once it is on disk; return the grant's id.

        Raises:
            Refusal: APPROVAL_NOT_FOUND; INVALID_ARGUMENT; REPO_NOT_FOUND, a repository is unknown or not the one
                that the login is for.
        """
        login = self.find(code)
        repos = [self._registry.get(repo_id) for repo_id in repo_ids]
        if any(repo is None or login.resource not in (HUB, repo.slug) for repo in repos):
            raise Refusal(f"the login is for {_resource_name(login)}, which that is not", code="REPO_NOT_FOUND")
        grant_id = await self._grant(login, {repo.id: _profiles(profiles) for repo in repos if repo is not None})
        self.waiting.leave(self.signer.code_of(login))
        if grant_id is None:
            raise Refusal("that login was answered before", code="APPROVAL_NOT_FOUND")
        return grant_id

    async def deny(self, code: str) -> None:
        """Refuse a waiting login with the owner's word, once it is on disk.

        Raises:
            Refusal: APPROVAL_NOT_FOUND.
        """
        login = self.find(code)
        row = rows.LoginRow(login.id, None, login.redirect_uri, login.challenge, self._clock())

        def change(connection: sqlite3.Connection) -> None:
            if rows.read_login(connection, login.id) is None:
                rows.save_login(connection, row)

        async with self._grants.editing():
            await self._store.write(change)
        self.waiting.leave(self.signer.code_of(login))
        self._audit.event("login.refuse", client=login.client.name, target="terminal")

    async def finish(self, login: Login) -> str:
        """Return where the browser of an answered login goes: to the client, with a fresh code or the refusal.

        Raises:
            Refusal: LOGIN_EXPIRED, its code was used, or its grant has ended since.
        """
        async with self._grants.editing():
            row = await self._store.read(lambda connection: rows.read_login(connection, login.id))
            self.waiting.leave(self.signer.code_of(login))
            if row is not None and row.grant_id is None:
                return login.answer(error="access_denied", error_description="the owner refused the login")
            if row is None or row.used_at is not None or self._grants.get(row.grant_id) is None:
                raise LoginOver("This login was answered already.", login)
            code = CODE_PREFIX + secrets.token_urlsafe(32)
            digest, expires_at = digest_secret(code), self._clock() + CODE_S
            await self._store.write(lambda connection: rows.save_code(connection, login.id, digest, expires_at))
            self._grants.codes.add(digest)
            if row.code is not None:
                self._grants.codes.discard(row.code)
        return login.answer(code=code)

    async def _grant(
        self, login: Login, profiles: Mapping[RepoId, frozenset[str]], proofs: Mapping[RepoId, Repo] | None = None
    ) -> str | None:
        """Make the grant of a login and answer it; None if it was answered before, on the page or in a terminal.

        Args:
            proofs: repositories as they were when their passphrases were right, so that a rotation that reached the
                disk first wins; None if the owner answers in a terminal.
        """
        if not profiles or not all(profiles.values()):
            raise Refusal(
                "Choose at least one repository and one profile.", code="INVALID_ARGUMENT", next_step="Tick them."
            )
        now = self._clock()
        resource: str = HUB if login.resource == HUB else next(iter(profiles))
        is_offline = "offline_access" in login.scopes
        is_loopback = redirects.is_loopback(login.redirect_uri)
        grant = rows.GrantRow(new_grant_id(), login.client.id, resource, is_offline, now, now, is_loopback)
        is_new = login.client.id not in self._grants.clients

        def change(connection: sqlite3.Connection) -> bool:
            if rows.read_login(connection, login.id) is not None:
                return False
            for repo_id in profiles:
                current = rows.read_passphrase(connection, repo_id)
                if current is None or (proofs is not None and proofs[repo_id].passphrase != current):
                    raise Refusal("A repository's passphrase was changed meanwhile.", code="WRONG_PASSPHRASE")
            rows.save_client(
                connection, rows.ClientRow(login.client.id, login.client.name, login.client.to_metadata(), now)
            )
            rows.save_grant(connection, grant, [(repo, name) for repo, names in profiles.items() for name in names])
            rows.save_login(connection, rows.LoginRow(login.id, grant.id, login.redirect_uri, login.challenge, now))
            return True

        async with self._grants.editing():
            if not await self._store.write(change):
                return None
            self._grants.keep_client(login.client, now)
            held = {repo_id: dict.fromkeys(names, now) for repo_id, names in profiles.items()}
            self._grants.add(grant, login.client, held)
        by = "terminal" if proofs is None else "page"
        if is_new:
            self._audit.event("client.new", principal=grant.id, client=login.client.name, target=login.client.host)
        self._audit.event("login.allow", principal=grant.id, client=login.client.name, target=by)
        for repo_id, names in profiles.items():
            self._audit.event(
                "grant.make",
                principal=grant.id,
                client=login.client.name,
                repo_id=repo_id,
                profile=" ".join(name for name in PROFILES if name in names),
            )
        self.waiting.leave(self.signer.code_of(login))
        return grant.id


def _profiles(names: Iterable[str]) -> frozenset[str]:
    chosen = frozenset(names)
    if unknown := chosen - set(PROFILES):
        raise Refusal(f"there is no profile {min(unknown)!r}", code="INVALID_ARGUMENT")
    return chosen


def _resource_name(login: Login) -> str:
    return "every repository that you choose" if login.resource == HUB else f"the repository {login.resource} alone"
