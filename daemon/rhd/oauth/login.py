"""`Login`: one authorization request, from the browser's first visit to its answer; and how a request is read.

A login that is not answered yet exists in the browser alone: as a signed value in the page's form, bound to the
browser by a cookie. So unauthenticated clients that begin logins fill nothing, and a login outlives a restart of the
daemon. What it does not outlive is the proof that a passphrase was right: that is signed with a key that is only in
memory, so that a copy of the database cannot forge one. After a restart the page asks for the passphrase again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from itsdangerous import BadData

from rhd.access import HUB, PROFILES
from rhd.errors import Refusal
from rhd.ids import RepoId
from rhd.oauth import redirects
from rhd.oauth.clients import Client
from rhd.oauth.errors import RedirectError
from rhd.oauth.redirects import RedirectRules
from rhd.oauth.registration import make_signer
from rhd.oauth.tokens import is_challenge
from rhd.repos.registry import Repo

VALID_S = 600.0
MAX_STATE_CHARS = 2048
MAX_SIGNED_CHARS = 12 * 1024
_AHEAD_S = 60.0
_FIELDS = 12
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Login:
    """One authorization request.

    Attributes:
        id: random; one login is answered once.
        began_at: seconds since the epoch.
        origin: where it began; goes out as `iss`.
        browser: digest of the cookie of the browser that began it.
        client: as known then.
        redirect_uri: where it ends.
        state: the client's own.
        challenge: PKCE, S256.
        resource: `hub` or the slug that was asked for, whether or not there is such a repository.
        scopes: the profiles asked for, and `offline_access`.
        opened: `(repo_id, mark)` of each repository whose passphrase was right.
    """

    id: str
    began_at: float
    origin: str
    browser: str
    client: Client
    redirect_uri: str
    state: str | None
    challenge: str
    resource: str
    scopes: tuple[str, ...]
    opened: tuple[tuple[RepoId, str], ...] = ()

    def with_opened(self, repos: Iterable[Repo]) -> Login:
        """Return the login with more repositories opened."""
        opened = dict(self.opened) | {repo.id: mark_of(repo) for repo in repos}
        return replace(self, opened=tuple(opened.items()))

    def answer(self, **parameters: str | None) -> str:
        """Return where the browser goes with this answer; `state` and `iss` are on every one (RFC 9207)."""
        return redirects.with_parameters(self.redirect_uri, **parameters, state=self.state, iss=self.origin)


class LoginOver(Refusal):
    """A login cannot be answered any more: LOGIN_EXPIRED.

    Attributes:
        login: which; its page offers the way back to the client.
    """

    code = "LOGIN_EXPIRED"

    def __init__(self, message: str, login: Login) -> None:
        next_step = f"Start the login again in {login.client.name}; nothing was allowed by this page."
        super().__init__(message, next_step=next_step)
        self.login = login


def mark_of(repo: Repo) -> str:
    """Return what stands in a login for a repository's passphrase: another one, once it is rotated."""
    return hashlib.sha256(b"opened\0" + repo.passphrase).hexdigest()[:16]


def digest_browser(cookie: str) -> str:
    """Return what stands in a login for the browser's cookie."""
    return hashlib.sha256(b"browser\0" + cookie.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class LoginSigner:
    """Turns logins into signed text and back."""

    def __init__(self, key: bytes, clock: Callable[[], float], rules: RedirectRules | None = None) -> None:
        """Sign with `key`, which is stored, and with one of this process alone."""
        self._signer = make_signer(key, "login")
        self._key = key
        self._proof_key = secrets.token_bytes(32)
        self._clock = clock
        self._rules = rules or RedirectRules()

    def sign(self, login: Login) -> str:
        """Return a login as text for a form or an address."""
        client = [login.client.id, login.client.name, login.client.redirect_uris]
        fields = [login.id, login.began_at, login.origin, login.browser, client, login.redirect_uri]
        fields += [login.state, login.challenge, login.resource, login.scopes, login.opened]
        return self._signer.dumps([*fields, self._prove(login.id, login.opened)])

    def verify(self, signed: str, *, browser: str, origin: str) -> Login:
        """Return the login that a page of this browser carried.

        Raises:
            Refusal: LOGIN_EXPIRED, it is too old; LOGIN_REFUSED, it is no such text or another browser's.
        """
        fields = self._load(signed)
        if fields is None:
            raise Refusal("This page does not belong to a login of this server.", code="LOGIN_REFUSED")
        id_, began_at, began_origin, began_browser, client, redirect_uri, state, challenge, resource, scopes, *rest = (
            fields
        )
        opened, proof = rest
        if began_origin != origin or not secrets.compare_digest(began_browser, digest_browser(browser)):
            raise Refusal(
                "This login was begun in another browser, or this browser keeps no cookies for this page.",
                code="LOGIN_REFUSED",
                next_step="Allow cookies for this address, then start the login again in the client.",
            )
        who = Client(client[0], client[1], tuple(client[2]))
        if not self._rules.is_acceptable(redirect_uri, of_origin=f"https://{who.host}" if who.host else None):
            raise Refusal("The login's redirect is not accepted here any more.", code="LOGIN_REFUSED")
        marks = tuple((RepoId(repo_id), mark) for repo_id, mark in opened)
        if not secrets.compare_digest(proof, self._prove(id_, marks)):
            marks = ()
        login = Login(
            id_, began_at, origin, began_browser, who, redirect_uri, state, challenge, resource, tuple(scopes), marks
        )
        if not self.is_current(began_at):
            raise LoginOver("This login was started more than ten minutes ago.", login)
        return login

    def has_opened(self, signed: str) -> bool:
        """Say whether a text of ours carries a login that can still be answered and that a passphrase has opened."""
        fields = self._load(signed)
        if fields is None or not self.is_current(fields[1]):
            return False
        marks = tuple((repo_id, mark) for repo_id, mark in fields[-2])
        return bool(marks) and secrets.compare_digest(fields[-1], self._prove(fields[0], marks))

    def is_current(self, began_at: float) -> bool:
        """Say whether a login begun at this moment can still be answered."""
        return -_AHEAD_S <= self._clock() - began_at <= VALID_S

    def code_of(self, login: Login) -> str:
        """Return the code by which the owner answers a login in a terminal: `abcd-efgh`, the same at every visit."""
        digest = hmac.digest(self._key, b"approval\0" + login.id.encode(), "sha256")
        letters = "".join(_ALPHABET[byte & 31] for byte in digest[:8])
        return f"{letters[:4]}-{letters[4:]}"

    def _load(self, signed: str) -> list[Any] | None:
        try:
            fields = self._signer.loads(signed) if len(signed) <= MAX_SIGNED_CHARS else None
        except BadData:
            return None
        return fields if isinstance(fields, list) and len(fields) == _FIELDS else None

    def _prove(self, login_id: str, opened: Iterable[tuple[str, str]]) -> str:
        text = json.dumps([login_id, [list(pair) for pair in opened]])
        return hmac.digest(self._proof_key, text.encode(), "sha256").hex()


def offered_profiles(login: Login, started: Iterable[str], *, are_runs_enabled: bool) -> list[str]:
    """Return the profiles that a login's page offers in a repository.

    Those asked for and those started; orchestrator only where the owner has enabled agent runs.
    """
    offered = {"planner", *login.scopes, *started} - (set() if are_runs_enabled else {"orchestrator"})
    return [name for name in PROFILES if name in offered]


def proposed_profiles(login: Login) -> list[str]:
    """Return the profiles that are ticked at first, and approved where the owner names none.

    Two clients ask for every scope that they find, which says nothing about what is needed: they get planner.
    Orchestrator, which runs programs, is named by a person or not granted.
    """
    asked = [name for name in PROFILES if name in login.scopes]
    if len(asked) == len(PROFILES):
        return ["planner"]
    return [name for name in asked if name != "orchestrator"] or ["planner"]


def client_of(parameters: Sequence[tuple[str, str]]) -> str:
    """Return the client id of an authorization request.

    Raises:
        Refusal: LOGIN_REFUSED, there is none or more than one.
    """
    found = [value for name, value in parameters if name == "client_id"]
    if len(found) != 1:
        raise Refusal("The request does not say which client it comes from.", code="LOGIN_REFUSED")
    return found[0]


def read_request(
    parameters: Sequence[tuple[str, str]],
    client: Client,
    *,
    origin: str,
    browser: str,
    now: float,
    is_trusted: bool,
    resource_of: Callable[[str], str | None],
) -> Login:
    """Return the login that an authorization request asks for.

    The redirect is checked first; until it is good, errors are shown on the page. Unknown parameters and scopes are
    ignored (RFC 6749 sections 3.1 and 3.3); `prompt` is one of them: the person is always asked.

    Args:
        parameters: of the query, in order.
        client: whom `client_id` names.
        is_trusted: False for a client that only vouches for itself: the browser goes there by a click alone.
        resource_of: from a resource's URL to `hub`, a slug, or None for one that is not ours.

    Raises:
        Refusal: LOGIN_REFUSED, the redirect is not the client's; this is for the page.
        RedirectError: whatever else is wrong; this is for the client.
    """
    given: dict[str, list[str]] = {}
    for name, value in parameters:
        given.setdefault(name, []).append(value)

    def one(name: str) -> str | None:
        return given.get(name, [None])[0] or None

    redirect_uri = client.redirect(one("redirect_uri")) if len(given.get("redirect_uri", [])) <= 1 else None
    if redirect_uri is None:
        raise Refusal(
            "The address that the login would end at is not one that the client has named.", code="LOGIN_REFUSED"
        )
    state = one("state")
    login = Login(
        secrets.token_urlsafe(16), now, origin, digest_browser(browser), client, redirect_uri, state, "", HUB, ()
    )

    def refuse(error: str, why: str) -> RedirectError:
        shown = replace(login, state=state if len(state or "") <= MAX_STATE_CHARS else None)
        return RedirectError(shown.answer(error=error, error_description=why), error, is_trusted=is_trusted)

    if any(len(values) > 1 for name, values in given.items() if name != "resource"):
        raise refuse("invalid_request", "a parameter is given twice")
    if len(state or "") > MAX_STATE_CHARS:
        raise refuse("invalid_request", "the state is too long")
    if one("response_type") != "code":
        raise refuse("unsupported_response_type", "response_type must be code")
    if one("response_mode") not in (None, "query"):
        raise refuse("invalid_request", "response_mode must be query")
    challenge = one("code_challenge") or ""
    if one("code_challenge_method") != "S256" or not is_challenge(challenge):
        raise refuse("invalid_request", "PKCE with S256 is required")
    resources = {resource_of(value) for value in given.get("resource", []) if value} or {HUB}
    resource = resources.pop()
    if resource is None or resources:
        raise refuse("invalid_target", "the resource is not one of this server")
    asked = (one("scope") or "").split()
    scopes = tuple(name for name in (*PROFILES, "offline_access") if name in asked)
    return replace(login, challenge=challenge, resource=resource, scopes=scopes)
