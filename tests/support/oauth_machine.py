"""The authorization server against a model of what the RFCs and this project promise, step by random step.

The model knows nothing of the server's inside. It is this table:

====================================  ==================================================================
RFC 6749 4.1.2, OAuth 2.1 4.1.3       a code is good once, for 60 s, for its client, redirect and verifier;
                                      its second use by that client revokes what the first one gave
RFC 7636 4.6                          a wrong verifier gets `invalid_grant` and changes nothing
RFC 6749 5.2                          what is refused is `invalid_grant`; an unknown client `invalid_client`
RFC 6749 6, OAuth 2.1 4.3.1           a refresh token is good for 90 days and is replaced at every use
  the project's grace                 the same one again within 60 s gets the very same pair
  beyond it                           the grant ends: every token of it is dead, however many were issued between
RFC 6750 3.1                          an access token is good for a day (its client is on the owner's machine), while
                                      its grant holds any repository
RFC 7009 2.1                          revoking a refresh token ends the grant; an access token, itself alone;
                                      another client's token is left alone
the project's grants                  a passphrase opens its own repository; `widen` and `revoke` edit the map
                                      at once; a grant without a repository is dead, and so is one that was not used
                                      for 90 days; two logins of one client id are two grants
a backup                              what its key signs has proven no passphrase
rotation                              the old passphrase opens nothing; with drop the repository leaves
                                      every grant, without it nothing else changes
a crash                               whatever was answered is so afterwards, to the letter
====================================  ==================================================================
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
import trio
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from rhd.errors import Refusal
from rhd.oauth.login import Login, LoginSigner
from rhd.oauth.tokens import MAX_ACCESS, MAX_REFRESH
from rhd.repos.registry import AgentRuns
from tests.support.http import OAuthClient
from tests.support.oauth_service import LOCAL, Clock, OAuthService, open_oauth_service

T = TypeVar("T")
SLUGS = ("one", "two", "three")
CODE_S, ACCESS_S, GRACE_S, REFRESH_S, UNUSED_S = 60, 86400, 60, 90 * 86400, 90 * 86400
SHARED = 0
"""The client whose id all of its installations share."""


@dataclass
class Token:
    text: str
    issued: float
    is_revoked: bool = False
    used: float | None = None
    successor: tuple[str, str] | None = None


@dataclass
class Grant:
    client: int
    repos: dict[str, set[str]]
    resource: str
    decided: float
    access: list[Token] = field(default_factory=list)
    refresh: list[Token] = field(default_factory=list)
    is_over: bool = False
    used: float = 0.0
    used_on_disk: float = 0.0

    @property
    def is_alive(self) -> bool:
        return not self.is_over and bool(self.repos)


@dataclass
class Code:
    text: str
    grant: Grant
    issued: float
    is_used: bool = False


class _Loop:
    """A daemon's loop in a thread, so that it goes on between steps; a crash leaves it as it lies."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._ready: queue.Queue[tuple[OAuthService, trio.lowlevel.TrioToken]] = queue.Queue()
        self._thread = threading.Thread(target=trio.run, args=(self._main, path, clock), daemon=True)
        self._thread.start()
        self.service, self._token = self._ready.get(timeout=60)

    async def _main(self, path: Path, clock: Clock) -> None:
        self._stop = trio.Event()
        async with open_oauth_service(path, clock=clock) as service:
            self._ready.put((service, trio.lowlevel.current_trio_token()))
            await self._stop.wait()

    def do(self, function: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        return trio.from_thread.run(function, *arguments, trio_token=self._token)

    def end(self) -> None:
        trio.from_thread.run_sync(self._stop.set, trio_token=self._token)
        self._thread.join(60)
        assert not self._thread.is_alive()


class OAuthMachine(RuleBasedStateMachine):
    """Rules drive the server through its public port and the owner's verbs; `steps` counts them over all runs."""

    steps = 0
    clients = Bundle("clients")
    logins = Bundle("logins")
    codes = Bundle("codes")
    grants = Bundle("grants")

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.clock = Clock()
        self.loop = _Loop(Path(self.folder.name) / "rhd.db", self.clock)
        self.passphrases: dict[str, str] = {}
        self.dead_passphrases: list[str] = []
        self.everyone: list[OAuthClient] = []
        self.forgotten: set[int] = set()
        self.registered: dict[int, float] = {}
        self.all_grants: list[Grant] = []
        for slug in SLUGS:
            repo = self.loop.do(self.service.adopt, slug)
            self.loop.do(self.service.registry.start, repo.id, "executor", {})
            runs = AgentRuns(("codex",), (), self.clock.now)
            self.loop.do(self.service.registry.start, repo.id, "orchestrator", runs.to_options())
        self.passphrases |= self.service.passphrases
        self.everyone.append(OAuthClient(self.service.app, client_id="https://chatgpt.com/oauth/codex/client.json"))
        self.everyone[SHARED].name = "Codex"

    @property
    def service(self) -> OAuthService:
        return self.loop.service

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.loop.end()
            self.folder.cleanup()

    # Clients and logins.

    @rule(target=clients)
    def register(self) -> int:
        client = OAuthClient(self.service.app, name=f"client {len(self.everyone)}")
        self.loop.do(client.register)
        self.everyone.append(client)
        self.registered[len(self.everyone) - 1] = self.clock.now
        return len(self.everyone) - 1

    @rule(target=clients)
    def another_installation(self) -> int:
        return SHARED

    def is_known(self, client: int) -> bool:
        if client == SHARED:
            return True
        is_stored = client not in self.forgotten and any(g.client == client for g in self.all_grants)
        return is_stored or self.clock.now - self.registered[client] <= 24 * 3600

    @rule(
        target=codes,
        client=clients,
        opened=st.sets(st.sampled_from(SLUGS)),
        ticked=st.sets(st.sampled_from(("planner", "executor", "orchestrator")), min_size=1),
        resource=st.sampled_from(("hub", *SLUGS)),
        by=st.sampled_from(("passphrase", "terminal")),
    )
    def log_in(self, client: int, opened: set[str], ticked: set[str], resource: str, by: str) -> Code | None:
        who = self.everyone[client]
        path = "/mcp" if resource == "hub" else f"/r/{resource}/mcp"

        async def attempt() -> str | None:
            logins = self.service.authority.logins
            try:
                login: Login = await logins.begin(
                    _parameters(who, f"{LOCAL}{path}"),
                    origin=LOCAL,
                    browser="b" * 22,
                    resource_of=self.service.app.origins.resource_of,
                )
                if by == "terminal":
                    code = logins.wait(login)
                    repos = [self.service.repo(slug).id for slug in sorted(opened)]
                    await self.service.authority.approve(code, repos, ticked)
                    location = await logins.finish(login)
                else:
                    words = [self.passphrases[slug] for slug in sorted(opened)]
                    if resource != "hub":
                        words = [w for slug, w in zip(sorted(opened), words, strict=True) if slug == resource]
                    login, wrong = await logins.unlock(login, " ".join(words))
                    assert wrong == 0
                    location = await logins.allow(login, {r.id: ticked for r in logins.opened(login)})
            except Refusal:
                return None
            return location.partition("code=")[2].partition("&")[0]

        text = self.loop.do(attempt)
        wanted = opened if resource == "hub" or by == "terminal" else opened & {resource}
        is_good = bool(wanted) and (resource == "hub" or wanted == {resource}) and self.is_known(client)
        assert (text is not None) is is_good
        if text is None:
            return None
        grant = Grant(client, {slug: set(ticked) for slug in wanted}, resource, self.clock.now)
        grant.used = grant.used_on_disk = self.clock.now
        self.forgotten.discard(client)
        self.all_grants.append(grant)
        return Code(text, grant, self.clock.now)

    @rule(client=clients, index=st.integers(0, 99))
    def try_a_dead_passphrase(self, client: int, index: int) -> None:
        if self.dead_passphrases:
            dead = self.dead_passphrases[index % len(self.dead_passphrases)]
            assert self.service.registry.by_passphrase(dead) is None

    @rule(client=clients, slug=st.sampled_from(SLUGS))
    def forge_with_a_backup(self, client: int, slug: str) -> None:
        if not self.is_known(client):
            return

        async def attempt() -> None:
            service = self.service
            logins, repo = service.authority.logins, service.repo(slug)
            login = await logins.begin(
                _parameters(self.everyone[client], f"{LOCAL}/mcp"),
                origin=LOCAL,
                browser="b" * 22,
                resource_of=service.app.origins.resource_of,
            )
            ((key,),) = await service.rows("SELECT value FROM meta WHERE key = 'oauth.key'")
            signed = LoginSigner(key, self.clock).sign(login.with_opened([repo]))
            forged = logins.signer.verify(signed, browser="b" * 22, origin=LOCAL)
            with pytest.raises(Refusal) as caught:
                await logins.allow(forged, {repo.id: ["planner"]})
            assert caught.value.code == "WRONG_PASSPHRASE"

        self.loop.do(attempt)

    # The token endpoint.

    @rule(target=grants, code=codes, wrong=st.sampled_from(("", "", "", "verifier", "client", "redirect")))
    def exchange(self, code: Code | None, wrong: str) -> Grant | None:
        if code is None:
            return None
        client = self.everyone[code.grant.client]
        changes: dict[str, str | None] = {
            "verifier": {"code_verifier": "x" * 43},
            "redirect": {"redirect_uri": "http://127.0.0.1:1/other"},
            "client": {"client_id": "https://claude.ai/oauth/claude-code-client-metadata"},
        }.get(wrong, {})
        answer = self.loop.do(lambda: client.exchange(code.text, **changes))
        if not self.is_known(code.grant.client) and wrong != "client":
            assert (answer.status, answer.json()["error"]) == (401, "invalid_client")
            return None
        is_good = code.grant.is_alive and not code.is_used and self.clock.now < code.issued + CODE_S and not wrong
        assert (answer.status == 200) is is_good, answer
        if code.is_used and not wrong:
            code.grant.is_over = True
        if not is_good:
            assert answer.json()["error"] == "invalid_grant"
            return None
        code.is_used = True
        self.keep(code.grant, answer.json())
        return code.grant

    @rule(grant=grants, count=st.sampled_from((1, MAX_REFRESH, MAX_REFRESH + 5)))
    def rotate_often(self, grant: Grant | None, count: int) -> None:
        if grant is None or not grant.refresh or not grant.is_alive or not self.is_known(grant.client):
            return
        for _ in range(count):
            token = grant.refresh[-1]
            if self.clock.now >= token.issued + REFRESH_S:
                return
            answer = self.loop.do(self.everyone[grant.client].refresh, token.text)
            assert answer.status == 200
            found = answer.json()
            token.used, token.successor = self.clock.now, (found["access_token"], found["refresh_token"])
            grant.used = grant.used_on_disk = self.clock.now
            self.keep(grant, found)
            del grant.access[:-MAX_ACCESS]

    @rule(grant=grants, index=st.one_of(st.integers(0, 9), st.just(-1)), times=st.integers(1, 4), thief=st.booleans())
    def refresh(self, grant: Grant | None, index: int, times: int, thief: bool) -> None:
        if grant is None or not grant.refresh:
            return
        token = grant.refresh[0 if index < 0 else -1 - index % len(grant.refresh)]
        client = self.everyone[grant.client]
        changes: dict[str, str | None] = (
            {"client_id": "https://claude.ai/oauth/claude-code-client-metadata"} if thief else {}
        )
        answers: list[Any] = []

        async def at_once() -> None:
            async def one() -> None:
                answers.append(await client.refresh(token.text, **changes))

            async with trio.open_nursery() as nursery:
                for _ in range(times):
                    nursery.start_soon(one)

        self.loop.do(at_once)
        now = self.clock.now
        if not thief and not self.is_known(grant.client):
            assert {a.json()["error"] for a in answers} == {"invalid_client"}
            return
        is_expired = now >= token.issued + REFRESH_S
        is_remembered = token in grant.refresh[-MAX_REFRESH:]
        if thief or not grant.is_alive or (token.used is None and is_expired):
            assert {a.json()["error"] for a in answers} == {"invalid_grant"}
        elif token.used is None or (is_remembered and abs(now - token.used) <= GRACE_S):
            grant.used = now
            if token.used is None:
                grant.used_on_disk = now
            assert {a.status for a in answers} == {200}
            pairs = {(a.json()["access_token"], a.json()["refresh_token"]) for a in answers}
            assert len(pairs) == 1
            if token.used is None:
                token.used, token.successor = now, pairs.pop()
                self.keep(grant, answers[0].json())
            else:
                assert pairs == {token.successor}
        else:
            assert {a.json()["error"] for a in answers} == {"invalid_grant"}
            grant.is_over = True

    @rule(grant=grants, index=st.integers(0, 9), kind=st.sampled_from(("access", "refresh")), thief=st.booleans())
    def revoke_token(self, grant: Grant | None, index: int, kind: str, thief: bool) -> None:
        tokens = [] if grant is None else getattr(grant, kind)
        if grant is None or not tokens:
            return
        token = tokens[index % len(tokens)]
        changes: dict[str, str | None] = {"client_id": "https://claude.ai/oauth/x"} if thief else {}
        answer = self.loop.do(lambda: self.everyone[grant.client].revoke(token.text, **changes))
        if not thief and not self.is_known(grant.client):
            assert answer.status == 401
            return
        assert (answer.status, answer.body) == (200, b"")
        if thief:
            return
        if kind == "refresh":
            grant.is_over = True
        else:
            token.is_revoked = True

    # The owner.

    @rule(grant=grants, slug=st.sampled_from(SLUGS), profile=st.sampled_from(("executor", "orchestrator")))
    def widen(self, grant: Grant | None, slug: str, profile: str) -> None:
        if grant is None:
            return
        affected = self.alive_of(grant.client)
        reaching = [g for g in affected if g.resource in ("hub", slug)]
        name, repo = self.everyone[grant.client].name, self.service.repo(slug).id
        assert self.owner(self.service.authority.widen, name, repo, profile) is bool(reaching)
        for each in reaching:
            each.repos.setdefault(slug, set()).add(profile)

    @rule(grant=grants, slug=st.sampled_from(SLUGS))
    def narrow(self, grant: Grant | None, slug: str) -> None:
        if grant is None:
            return
        affected = [g for g in self.alive_of(grant.client) if slug in g.repos]
        name = self.everyone[grant.client].name
        assert self.owner(self.service.authority.revoke, name, self.service.repo(slug).id) is bool(affected)
        for each in affected:
            del each.repos[slug]

    @rule(grant=consumes(grants))
    def revoke_client(self, grant: Grant | None) -> None:
        if grant is None:
            return
        is_stored = grant.client not in self.forgotten
        assert self.owner(self.service.authority.revoke, self.everyone[grant.client].name) is is_stored
        for each in self.all_grants:
            each.is_over = each.is_over or each.client == grant.client
        self.forgotten.add(grant.client)

    @rule(grant=grants)
    def revoke_grant(self, grant: Grant | None) -> None:
        bearers = [self.service.authority.authenticate(token.text) for token in (grant.access if grant else [])]
        named = next((bearer.principal.id for bearer in bearers if bearer is not None), None)
        if grant is None or named is None:
            return
        assert self.owner(self.service.authority.revoke, named)
        grant.is_over = True
        if not self.alive_of(grant.client):
            self.forgotten.add(grant.client)

    @rule(slug=st.sampled_from(SLUGS), drop=st.booleans())
    def rotate(self, slug: str, drop: bool) -> None:
        self.dead_passphrases.append(self.passphrases[slug])
        self.passphrases[slug] = self.loop.do(
            lambda: self.service.authority.rotate(self.service.repo(slug).id, drop=drop)
        )
        if drop:
            for grant in self.all_grants:
                grant.repos.pop(slug, None)

    # Time and crashes.

    @rule(seconds=st.sampled_from((1, 20, 59, 61, 3000, 3601, 86_400, 20 * 86_400, 60 * 86_400)))
    def wait(self, seconds: int) -> None:
        self.clock.move(seconds)

    @rule()
    def sweep(self) -> None:
        """It ends only what nothing leads to any more: no code of the last twenty minutes, no token of last week."""
        self.loop.do(self.service.authority.sweep)
        for grant in self.all_grants:
            dies_at = [t.issued + REFRESH_S + 7 * 86_400 for t in grant.refresh] or [grant.decided + 1200]
            grant.used_on_disk = max(grant.used, grant.used_on_disk)
            is_unused = grant.used_on_disk < self.clock.now - UNUSED_S
            grant.is_over = grant.is_over or self.clock.now > max(dies_at) or is_unused

    @rule()
    def crash(self) -> None:
        """Open the database again as the last commit left it; the loop that wrote it is ended without another write."""
        held = self.service
        for grant in self.all_grants:
            grant.used = grant.used_on_disk
        self.loop.do(_freeze, held)
        path = held.path
        self.loop.end()
        self.loop = _Loop(path, self.clock)
        for client in self.everyone:
            client.app = self.service.app

    # What must hold at every step.

    @invariant()
    def every_access_token_is_worth_what_the_model_says(self) -> None:
        if not hasattr(self, "loop"):
            return
        OAuthMachine.steps += 1
        for grant in self.all_grants:
            for token in grant.access[-6:]:
                bearer = self.service.authority.authenticate(token.text)
                is_good = grant.is_alive and not token.is_revoked and self.clock.now < token.issued + ACCESS_S
                assert (bearer is not None) is is_good
                if bearer is not None:
                    grant.used = self.clock.now
                    found = {self.service.registry.get(r).slug: set(p) for r, p in bearer.principal.profiles.items()}  # type: ignore[union-attr]
                    assert found == grant.repos

    def keep(self, grant: Grant, answer: dict[str, Any]) -> None:
        held = {p for profiles in grant.repos.values() for p in profiles}
        assert answer["scope"].split() == [p for p in ("planner", "executor", "orchestrator") if p in held]
        grant.access.append(Token(answer["access_token"], self.clock.now))
        grant.refresh.append(Token(answer["refresh_token"], self.clock.now))

    def alive_of(self, client: int) -> list[Grant]:
        return [g for g in self.all_grants if g.client == client and g.is_alive]

    def owner(self, verb: Callable[..., Awaitable[object]], *arguments: object) -> bool:
        async def attempt() -> bool:
            try:
                await verb(*arguments)
            except Refusal:
                return False
            return True

        return self.loop.do(attempt)


async def _freeze(service: OAuthService) -> None:
    """Let nothing more be written: what a process that is killed writes."""
    service.store.write_later = lambda change: None  # type: ignore[method-assign]


def _parameters(client: OAuthClient, resource: str) -> list[tuple[str, str]]:
    from urllib.parse import parse_qsl

    return parse_qsl(client.authorize_url(resource=resource).partition("?")[2])
