"""`LiveLogin`: a client's whole way in, walked by the daemon itself: discovery, login, a tool call, refresh, removal.

Everything goes over HTTP to the address that clients use, except the one thing that is the owner's: the approval, which
`rhctl doctor --live` brings with it from the control socket. What the walk made is removed, whatever ends it.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import trio

from rhd.doctor.http_request import Answer, RequestFailed, ask
from rhd.errors import HarnessError
from rhd.oauth.authority import Authority
from rhd.repos.registry import Repo

NAME = "repo-harness doctor"
REDIRECT = "http://127.0.0.1:9/doctor"
"""Where the login ends; nothing is ever sent there."""
STEP_WITHIN_S = 10.0
_VERSION = "2025-11-25"
_JSON = {"Content-Type": "application/json"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_METADATA = re.compile(r'resource_metadata="([^"]+)"')
_LINK = re.compile(r'href="(/authorize\?login=[^"]+)"')
_REFRESH = re.compile(r'http-equiv="refresh" content="\d+; url=([^"]+)"')
_CODE = re.compile(r"approve <b>([a-z0-9-]+)</b>")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the walk, done or failed.

    Attributes:
        name: as docs/doctor.md lists it.
        message: what was found.
        next_step: what to do about it; None if nothing is to be done.
    """

    name: str
    is_ok: bool
    message: str
    next_step: str | None
    duration_ms: int

    def to_json(self) -> dict[str, Any]:
        """Return `{step, status, message, next_step, duration_ms}`."""
        return {
            "step": self.name,
            "status": "ok" if self.is_ok else "error",
            "message": self.message,
            "next_step": self.next_step,
            "duration_ms": self.duration_ms,
        }


class _Failed(Exception):
    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


class LiveLogin:
    """One walk; `walk` yields its steps as they end."""

    def __init__(
        self, authority: Authority, repo: Repo, *, origin: str, local: str, instance: str, rhctl: str = "rhctl"
    ) -> None:
        """Walk nothing yet.

        Args:
            repo: the repository that the login is granted.
            origin: by which clients come.
            local: the origin on this machine, where a tunnel has to lead.
            instance: as /health names this daemon.
            rhctl: the client, as it is typed for this home.
        """
        self._trials = authority.trials
        self._repo = repo
        self._origin = origin
        self._local = local
        self._instance = instance
        self._rhctl = rhctl
        self._browser = SimpleCookie()
        self._state = secrets.token_urlsafe(8)
        self._verifier = secrets.token_urlsafe(32)
        self._server: dict[str, Any] = {}
        self._metadata_url = ""
        self._client_id = ""
        self._page = ""
        self._code = ""
        self._tokens: dict[str, Any] = {}
        self._session: str | None = None

    async def walk(self) -> AsyncGenerator[Step, None]:
        """Take each step until one fails, then remove what was made.

        Raises:
            StoreFailed: what was made cannot be removed now; it is as soon as the daemon starts again.
        """
        steps: Mapping[str, Callable[[], Awaitable[str]]] = {
            "reach": self._reach,
            "challenge": self._challenge,
            "metadata": self._metadata,
            "register": self._register,
            "page": self._open_page,
            "approve": self._approve,
            "token": self._exchange,
            "session": self._initialize,
            "call": self._call,
            "refresh": self._refresh,
            "revoke": self._revoke,
        }
        for name, take in steps.items():
            step = await self._take(name, take)
            yield step
            if not step.is_ok:
                break
        yield await self._take("remove", self._remove)

    async def _take(self, name: str, take: Callable[[], Awaitable[str]]) -> Step:
        began = trio.current_time()

        def end(message: str, next_step: str | None = None, *, is_ok: bool = False) -> Step:
            return Step(name, is_ok, message, next_step, round(1000 * (trio.current_time() - began)))

        try:
            return end(await take(), is_ok=True)
        except _Failed as failed:
            return end(failed.message, failed.next_step)
        except RequestFailed as failed:
            return end(f"{self._origin}: {failed}", self._mend_way())
        except HarnessError as refused:
            return end(refused.message, refused.next_step)

    async def _reach(self) -> str:
        """The address answers, and what answers is this daemon."""
        answer = await self._ask("GET", f"{self._origin}/health")
        if answer.status == 421:
            raise _Failed(
                "what is sent there arrives under another host name",
                f"Have the tunnel pass the Host header on as it is; {self._rhctl} tunnel prints its commands.",
            )
        if answer.status != 200 or answer.json().get("server") != "repo-harness":
            where = answer.header("location")
            said = f"HTTP {answer.status}" + (f", a redirect to {where}" if where else "")
            raise _Failed(f"something else answers at {self._origin} ({said})", self._mend_way())
        if answer.json().get("instance") != self._instance:
            raise _Failed(f"another daemon answers at {self._origin}", self._mend_way())
        return f"{self._origin} leads to this daemon"

    async def _challenge(self) -> str:
        """Without a token the endpoint says where to log in."""
        answer = await self._post(f"{self._origin}/mcp", {"jsonrpc": "2.0", "id": 0, "method": "ping"})
        found = _METADATA.search(answer.header("www-authenticate"))
        if answer.status != 401 or found is None:
            raise self._strange("the first call", answer)
        self._metadata_url = found[1]
        if not self._metadata_url.startswith(f"{self._origin}/"):
            raise self._changed("the address of the metadata", self._metadata_url)
        return "a call without a token is told where to log in"

    async def _metadata(self) -> str:
        """Resource and issuer are exactly what clients compare them with."""
        answer = await self._ask("GET", self._metadata_url)
        resource = answer.json()
        if resource.get("resource") != f"{self._origin}/mcp":
            raise self._changed("the resource", resource.get("resource"))
        if resource.get("authorization_servers") != [self._origin]:
            raise self._changed("the authorization server", resource.get("authorization_servers"))
        answer = await self._ask("GET", f"{self._origin}/.well-known/oauth-authorization-server")
        self._server = answer.json()
        if self._server.get("issuer") != self._origin:
            raise self._changed("the issuer", self._server.get("issuer"))
        for name in ("authorization_endpoint", "registration_endpoint", "revocation_endpoint", "token_endpoint"):
            if not str(self._server.get(name)).startswith(f"{self._origin}/"):
                raise self._changed(f"the {name}", self._server.get(name))
        return f"the issuer is {self._origin}, exactly"

    async def _register(self) -> str:
        body = {"client_name": NAME, "redirect_uris": [REDIRECT]}
        answer = await self._post(self._server["registration_endpoint"], body)
        if answer.status != 201:
            raise self._strange("the registration", answer)
        self._client_id = str(answer.json().get("client_id"))
        return "a client registered itself"

    async def _open_page(self) -> str:
        """The login page opens, and the browser gets its cookie."""
        digest = hashlib.sha256(self._verifier.encode()).digest()
        parameters = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": REDIRECT,
            "state": self._state,
            "scope": "planner offline_access",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "resource": f"{self._origin}/mcp",
        }
        answer = await self._browse(f"{self._server['authorization_endpoint']}?{urlencode(parameters)}")
        found = _LINK.search(answer.body.decode("utf-8", "replace"))
        if answer.status != 200 or found is None or not self._browser:
            raise self._strange("the login page", answer)
        self._page = html.unescape(found[1])
        return "the login page opened"

    async def _approve(self) -> str:
        """The owner approves; the page goes on, to the client, with a code."""
        waiting = await self._browse(urljoin(self._origin, self._page))
        text = waiting.body.decode("utf-8", "replace")
        code, further = _CODE.search(text), _REFRESH.search(text)
        if code is None or further is None:
            raise self._strange("the page that waits for the owner", waiting)
        await self._trials.approve(code[1], self._client_id, self._repo.id)
        answer = await self._browse(urljoin(self._origin, html.unescape(further[1])))
        location = answer.header("location")
        if answer.status != 303 or not location.startswith(f"{REDIRECT}?"):
            raise self._strange("the approved page", answer)
        found = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        if found.get("iss") != self._origin or found.get("state") != self._state or "code" not in found:
            raise self._changed("what the login ended with", sorted(found))
        self._code = found["code"]
        return f"the login was approved for {self._repo.slug}, as planner"

    async def _exchange(self) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": self._code,
            "code_verifier": self._verifier,
            "redirect_uri": REDIRECT,
        }
        await self._token(form)
        return f"tokens were issued for {self._tokens.get('scope')}"

    async def _initialize(self) -> str:
        """A session opens, as those of ChatGPT do."""
        client = {"name": NAME, "version": "1"}
        parameters = {"protocolVersion": _VERSION, "capabilities": {}, "clientInfo": client}
        answer = await self._request("initialize", parameters)
        found = answer.json().get("result")
        if answer.status != 200 or not isinstance(found, dict) or "serverInfo" not in found:
            raise self._strange("the session", answer)
        self._session = answer.header("mcp-session-id") or None
        await self._request("notifications/initialized", None)
        return f"a session opened, {found.get('protocolVersion')}"

    async def _call(self) -> str:
        """A tool is called and answers from the repository."""
        answer = await self._request("tools/call", {"name": "harness_status", "arguments": {}})
        found = answer.json().get("result")
        if answer.status != 200 or not isinstance(found, dict):
            raise self._strange("the tool call", answer)
        if found.get("isError"):
            told = found.get("_meta", {}).get("dev.repo-harness/error", {})
            next_step = str(told.get("next_step") or f"See: {self._rhctl} doctor {self._repo.slug}")
            if told.get("code") == "PROFILE_STOPPED":
                next_step = f"Run: {self._rhctl} start {self._repo.slug} --profile planner"
            raise _Failed(f"harness_status of {self._repo.slug}: {told.get('message') or 'it failed'}", next_step)
        return f"harness_status of {self._repo.slug} answered"

    async def _refresh(self) -> str:
        await self._token({"grant_type": "refresh_token", "refresh_token": self._tokens["refresh_token"]})
        return "the tokens were refreshed"

    async def _revoke(self) -> str:
        """The client ends its session and its grant; its token is refused from then on."""
        if self._session is not None:
            await self._ask("DELETE", f"{self._origin}/mcp", self._bearer())
        form = {"token": self._tokens["refresh_token"], "client_id": self._client_id}
        answer = await self._ask("POST", self._server["revocation_endpoint"], _FORM, urlencode(form).encode())
        if answer.status != 200:
            raise self._strange("the revocation", answer)
        self._session = None
        refused = await self._request("ping", {})
        if refused.status != 401:
            raise self._strange("a call after the revocation", refused)
        return "the grant ended, and its token is refused"

    async def _remove(self) -> str:
        await self._trials.remove()
        return "client, grant, tokens and session are removed"

    async def _token(self, form: Mapping[str, str]) -> None:
        given = {**form, "client_id": self._client_id, "resource": f"{self._origin}/mcp"}
        answer = await self._ask("POST", self._server["token_endpoint"], _FORM, urlencode(given).encode())
        self._tokens = answer.json()
        if answer.status != 200 or not {"access_token", "refresh_token"} <= set(self._tokens):
            raise self._strange("the token request", answer)

    async def _request(self, method: str, parameters: Mapping[str, Any] | None) -> Answer:
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        if parameters is not None:
            message |= {"id": 1, "params": parameters}
        return await self._post(f"{self._origin}/mcp", message, self._bearer())

    def _bearer(self) -> dict[str, str]:
        headers = {
            "Authorization": f"Bearer {self._tokens.get('access_token', '')}",
            "Accept": "application/json, text/event-stream",
        }
        if self._session is not None:
            headers |= {"Mcp-Session-Id": self._session, "Mcp-Protocol-Version": _VERSION}
        return headers

    async def _post(self, url: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
        return await self._ask("POST", url, {**_JSON, **(headers or {})}, json.dumps(body).encode())

    async def _browse(self, url: str) -> Answer:
        """Open a page as a browser without scripts would, with its cookies."""
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in self._browser.items())
        answer = await self._ask("GET", url, {"Cookie": cookies} if cookies else {})
        for name, value in answer.headers:
            if name == "set-cookie":
                try:
                    self._browser.load(value)
                except CookieError:  # of something between us and the daemon
                    continue
        return answer

    async def _ask(self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        return await ask(method, url, headers, body, within_s=STEP_WITHIN_S)

    def _mend_way(self) -> str:
        if self._origin == self._local:
            return f"See: {self._rhctl} doctor"
        return (
            f"Have the tunnel lead to {self._local}; {self._rhctl} tunnel prints its commands. If its name has "
            f"changed: {self._rhctl} endpoint https://HOST/mcp --replace"
        )

    def _changed(self, what: str, found: object) -> _Failed:
        """Return that clients would refuse this, since it is not what they came by."""
        return _Failed(
            f"{what} is {found}, which clients that came by {self._origin}/mcp refuse",
            f"Have the tunnel pass the Host header on as it is; {self._rhctl} tunnel prints its commands.",
        )

    def _strange(self, what: str, answer: Answer) -> _Failed:
        told = answer.json()
        reason = told.get("error_description") or told.get("error") or ""
        said = f"HTTP {answer.status}" + (f", {reason}" if isinstance(reason, str) and reason else "")
        if self._origin == self._local:
            return _Failed(f"{what} was not answered as it should be ({said})", f"See: {self._rhctl} logs")
        return _Failed(
            f"{what} was not answered as it should be ({said})",
            f"Something on the way may have answered: have the tunnel pass everything on to {self._local} unchanged.",
        )
