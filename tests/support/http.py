"""Plain ASGI calls, a browser without scripts, and an OAuth client: what stands outside of the public port."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import trio

LOOPBACK_CALLBACK = "http://127.0.0.1:43999/callback"
FORM = ("content-type", "application/x-www-form-urlencoded")


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return a header's value; one that stands twice is a failure."""
        found = [value for key, value in self.headers if key == name]
        assert len(found) < 2, f"{name} stands twice"
        return found[0] if found else None

    def json(self) -> Any:
        """Return the body, which must be JSON and say so."""
        assert self.header("content-type") == "application/json", self
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


async def call(
    app: Any,
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    host: str | None = "127.0.0.1:8765",
    state: Mapping[str, Any] | None = None,
) -> Answer:
    """Make one request to an ASGI application, as a server would hand it over.

    Args:
        state: what the server tells the application.
    """
    path, _, query = target.partition("?")
    raw = [(k.lower().encode(), v.encode("latin-1")) for k, v in headers]
    if host is not None:
        raw.insert(0, (b"host", host.encode("latin-1")))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.1"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "query_string": query.encode(),
        "root_path": "",
        "headers": raw,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8765),
        "state": dict(state or {}),
        "extensions": {},
    }
    sent: list[dict[str, Any]] = []
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        await trio.sleep_forever()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    with trio.fail_after(30):
        await app(scope, receive, send)
    start = sent[0]
    assert start["type"] == "http.response.start", sent
    answer_headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in start["headers"]]
    parts = b"".join(m.get("body", b"") for m in sent[1:])
    return Answer(start["status"], [(k.lower(), v) for k, v in answer_headers], parts)


def bearer(token: str) -> tuple[str, str]:
    """Return the header that presents a token."""
    return ("authorization", f"Bearer {token}")


class Page:
    """What a browser made of an answer: the form's fields as they stand, ticks included."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.text = answer.text
        self.fields: list[tuple[str, str]] = []
        for tag in re.findall(r"<input\b[^>]*>", self.text):
            attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
            if attributes.get("type") == "hidden" or (attributes.get("type") == "checkbox" and " checked" in tag):
                self.fields.append((attributes["name"], html.unescape(attributes["value"])))

    @property
    def signed(self) -> str:
        """The login that the page carries."""
        return next(value for name, value in self.fields if name == "login")

    @property
    def alert(self) -> str | None:
        """The text of the page's alert."""
        found = re.search(r'role="alert"[^>]*>(.*?)</div>', self.text, re.S)
        return found and " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found[1])).split())

    @property
    def code(self) -> str:
        """The code that the page tells to type in a terminal."""
        found = re.search(r" approve <b>([a-z0-9]{4}-[a-z0-9]{4})</b>", self.text)
        assert found, self.text
        return found[1]

    def link(self, text: str) -> str:
        """Return where a link leads."""
        found = re.search(rf'<a href="([^"]+)"[^>]*>{text}', self.text)
        assert found, self.text
        return html.unescape(found[1])

    @property
    def refresh(self) -> str:
        """Where the page goes by itself."""
        found = re.search(r'http-equiv="refresh" content="\d+; url=([^"]+)"', self.text)
        assert found, self.text
        return html.unescape(found[1])


class Browser:
    """Keeps cookies for one origin, sends what a browser sends, runs no script and follows no redirect."""

    def __init__(self, app: Any, origin: str = "http://127.0.0.1:8765") -> None:
        self.app = app
        self.origin = origin
        self.cookies: dict[str, str] = {}

    async def get(self, target: str) -> Answer:
        """Open an address."""
        return await self._send("GET", target, [("sec-fetch-site", "none")], b"")

    async def post(
        self, fields: Sequence[tuple[str, str]], *, headers: Sequence[tuple[str, str]] | None = None
    ) -> Answer:
        """Send a form to /authorize; our pages send no referrer, so the Origin is null."""
        own = [("origin", "null"), ("sec-fetch-site", "same-origin")] if headers is None else list(headers)
        return await self._send("POST", "/authorize", [FORM, *own], urlencode(fields).encode())

    async def submit(self, page: Page, action: str, *, passphrase: str = "", **changes: Any) -> Answer:
        """Press one of a page's buttons.

        Args:
            changes: `tick` and `untick`: lists of `(name, value)`.
        """
        fields = [f for f in page.fields if f not in changes.get("untick", [])] + list(changes.get("tick", []))
        return await self.post([*fields, ("passphrase", passphrase), ("action", action)])

    async def _send(self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        cookie = [("cookie", "; ".join(f"{k}={v}" for k, v in self.cookies.items()))] if self.cookies else []
        host = self.origin.partition("://")[2]
        answer = await call(self.app, method, target, [*headers, *cookie], body, host=host)
        for name, value in answer.headers:
            if name == "set-cookie":
                for key, morsel in SimpleCookie(value).items():
                    self.cookies[key] = morsel.value
        return answer


@dataclass
class OAuthClient:
    """A client that registers, logs in and refreshes."""

    app: Any
    origin: str = "http://127.0.0.1:8765"
    redirect_uri: str = LOOPBACK_CALLBACK
    client_id: str = ""
    name: str = "Test Client"
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(8))

    @property
    def host(self) -> str:
        """The Host that it asks."""
        return self.origin.partition("://")[2]

    async def register(self, **metadata: Any) -> OAuthClient:
        """Register dynamically; return itself."""
        body = {"client_name": self.name, "redirect_uris": [self.redirect_uri], **metadata}
        answer = await call(
            self.app,
            "POST",
            "/register",
            [("content-type", "application/json")],
            json.dumps(body).encode(),
            host=self.host,
        )
        assert answer.status == 201, answer
        self.client_id = answer.json()["client_id"]
        return self

    def authorize_url(self, **changes: str | None) -> str:
        """Return the address to open in a browser; parameters that are None are left out."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        parameters: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "scope": "planner",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "resource": f"{self.origin}/mcp",
            **changes,
        }
        return "/authorize?" + urlencode({k: v for k, v in parameters.items() if v is not None})

    async def login(
        self, *passphrases: str, tick: Sequence[tuple[str, str]] = (), **changes: str | None
    ) -> dict[str, Any]:
        """Log in as the owner would with these passphrases; return the token response."""
        return (await self.exchange(await self.code(*passphrases, tick=tick, **changes))).json()

    async def code(self, *passphrases: str, tick: Sequence[tuple[str, str]] = (), **changes: str | None) -> str:
        """Log in as far as to the code; return it."""
        browser = Browser(self.app, self.origin)
        page = Page(await browser.get(self.authorize_url(**changes)))
        page = Page(await browser.submit(page, "open", passphrase=" ".join(passphrases)))
        assert page.answer.status == 200, page.text
        answer = await browser.submit(page, "allow", tick=tick)
        return self.read_answer(answer)["code"]

    def read_answer(self, answer: Answer) -> dict[str, str]:
        """Return the parameters of a redirect to this client, having checked what must be on every one."""
        assert answer.status == 303, answer
        location = answer.header("location")
        assert location is not None
        assert location.startswith(self.redirect_uri + "?"), location
        found = parse_qs(urlsplit(location).query, strict_parsing=True)
        assert all(len(values) == 1 for values in found.values()), found
        flat = {name: values[0] for name, values in found.items()}
        assert flat["iss"] == self.origin
        assert flat["state"] == self.state
        return flat

    async def token(self, form: Mapping[str, str | None]) -> Answer:
        """Ask the token endpoint."""
        body = urlencode({k: v for k, v in form.items() if v is not None}).encode()
        return await call(self.app, "POST", "/token", [FORM], body, host=self.host)

    async def exchange(self, code: str, /, **changes: str | None) -> Answer:
        """Exchange a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self.client_id,
            "code_verifier": self.verifier,
            **changes,
        }
        return await self.token(form)

    async def refresh(self, token: str, /, **changes: str | None) -> Answer:
        """Refresh."""
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": self.client_id, **changes}
        return await self.token(form)

    async def revoke(self, token: str, /, **changes: str | None) -> Answer:
        """Revoke a token."""
        form = {"token": token, "client_id": self.client_id, **changes}
        body = urlencode({k: v for k, v in form.items() if v is not None}).encode()
        return await call(self.app, "POST", "/revoke", [FORM], body, host=self.host)

    async def mcp(self, token: str | None, path: str = "/mcp") -> Answer:
        """Call an endpoint."""
        headers = [] if token is None else [bearer(token)]
        return await call(self.app, "POST", path, headers, b"{}", host=self.host)
