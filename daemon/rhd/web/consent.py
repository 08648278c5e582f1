"""The pages on which a person answers a login. They work without scripts, in any browser, by keyboard and by ear.

GET /authorize begins a login and shows its page; POST answers it: with a passphrase, which opens a repository; with
ticks, which allow; or with a refusal. `?login=…&wait=…` is the page that waits for the owner's word in a terminal.
Until a passphrase was right, a page shows what the request itself said, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from pathlib import Path  # noqa: TID251 - for its own style sheet
from typing import Any

from quart import Request, Response, render_template, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from rhd.access import HUB, PROFILES
from rhd.errors import Refusal
from rhd.oauth import redirects
from rhd.oauth.authority import Authority
from rhd.oauth.errors import RedirectError
from rhd.oauth.login import Login, LoginOver, proposed_profiles
from rhd.repos.registry import Registry
from rhd.web.origins import Origins
from rhwire.escape import escape

MAX_BYTES = 64 * 1024
COOKIE_S = 3600
_TEMPLATES = Path(__file__).parent / "templates"
_STYLE, _SCRIPT = ((_TEMPLATES / name).read_text(encoding="utf-8") for name in ("style.css", "page.js"))
_STYLE_HASH, _SCRIPT_HASH = (
    base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (_STYLE, _SCRIPT)
)
_STATUS = {"TOO_MANY_TRIES": 429, "WRONG_PASSPHRASE": 403}
_HEADERS = {
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}


def make_app(authority: Authority, registry: Registry, rhctl: str) -> QuartTrio:
    """Return the pages as an ASGI application; `scope["state"]` says which origin was asked, and which there are.

    Args:
        rhctl: the client as it is typed for this daemon's home; shown on this machine's own origins alone, since it may
            name a folder.
    """
    app = QuartTrio(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES
    app.jinja_options = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True}
    app.add_template_filter(escape, "plain")
    pages = _ConsentPages(authority, registry, rhctl)
    app.add_url_rule("/authorize", "show", pages.show, methods=["GET"])
    app.add_url_rule("/authorize", "answer", pages.answer, methods=["POST"])
    app.register_error_handler(Refusal, _show_refusal)
    app.register_error_handler(RedirectError, _show_redirect)
    app.register_error_handler(HTTPException, _show_http_error)
    return app


class _ConsentPages:
    """The handlers of the pages."""

    def __init__(self, authority: Authority, registry: Registry, rhctl: str) -> None:
        self._rhctl = rhctl
        self._logins = authority.logins
        self._registry = registry

    async def show(self) -> Response:
        browser = request.cookies.get(_cookie_name(), "")
        if (signed := request.args.get("login")) is not None:
            login = self._logins.signer.verify(signed, browser=browser, origin=_origin())
            wait = request.args.get("wait")
            return await (self._form(login) if wait is None else self._wait(login, is_held=wait == "held"))
        is_new = len(browser) < 20
        browser = secrets.token_urlsafe(16) if is_new else browser
        origins: Origins = request.scope["state"]["origins"]
        login = await self._logins.begin(
            list(request.args.items(multi=True)),
            origin=_origin(),
            browser=browser,
            resource_of=origins.resource_of,
        )
        response = await self._form(login)
        is_secure = _origin().startswith("https://")
        response.set_cookie(
            _cookie_name(),
            browser,
            max_age=COOKIE_S,
            path="/" if is_secure else "/authorize",
            secure=is_secure,
            httponly=True,
            samesite="Lax",
        )
        return response

    async def answer(self) -> Response:
        form = await request.form
        _check_page(request, _origin())
        browser = request.cookies.get(_cookie_name(), "")
        login = self._logins.signer.verify(form.get("login", ""), browser=browser, origin=_origin())
        ticked = _Ticks(form.getlist("shown"), form.getlist("repo"), form.getlist("profile"))
        if form.get("action") == "refuse":
            return _redirect(self._logins.refuse(login))
        try:
            if text := form.get("passphrase", "").strip():
                login, wrong = await self._logins.unlock(login, text)
                problem = None if not wrong else _wrong(wrong, len(text.split()))
                return await self._form(login, ticked, problem)
            if form.get("action") == "allow":
                return _redirect(await self._logins.allow(login, ticked.choice()))
            problem = Refusal("Enter a passphrase first.", code="INVALID_ARGUMENT", next_step="")
        except Refusal as refusal:
            if refusal.code == "LOGIN_EXPIRED":
                raise
            problem = refusal
        return await self._form(login, ticked, problem)

    async def _form(self, login: Login, ticked: _Ticks | None = None, problem: Refusal | None = None) -> Response:
        ticked, proposed = ticked or _Ticks([], [], []), proposed_profiles(login)
        repos = [
            {
                "id": repo.id,
                "name": repo.name,
                "slug": repo.slug,
                "is_ticked": ticked.has_repo(repo.id),
                "profiles": [
                    {
                        "name": profile.name,
                        "title": profile.title,
                        "is_ticked": ticked.has_profile(repo.id, profile.name, proposed),
                        "is_started": profile.name in self._registry.profiles(repo.id),
                    }
                    for profile in map(PROFILES.__getitem__, self._logins.offered(login, repo))
                ],
            }
            for repo in self._logins.opened(login)
        ]
        status = 200 if problem is None else _STATUS.get(problem.code, 400)
        return await _page(
            "consent.html",
            login,
            status,
            repos=repos,
            problem=problem,
            signed=self._logins.signer.sign(login),
            rhctl=self._command(),
        )

    async def _wait(self, login: Login, *, is_held: bool) -> Response:
        code = self._logins.wait(login)
        if is_held and not await self._logins.is_answered(login):
            await self._logins.waiting.wait(code)
        if await self._logins.is_answered(login):
            return _redirect(await self._logins.finish(login))
        signed = self._logins.signer.sign(login)
        return await _page("waiting.html", login, code=code, signed=signed, rhctl=self._command())

    def _command(self) -> str:
        return "rhctl" if _origin().startswith("https://") else self._rhctl


class _Ticks:
    """What was ticked in a form; a repository that it did not show yet has what is ticked at first."""

    def __init__(self, shown: list[str], repos: list[str], profiles: list[str]) -> None:
        self._shown = frozenset(shown)
        self._repos = frozenset(repos)
        self._profiles = frozenset(profiles)

    def has_repo(self, repo_id: str) -> bool:
        return repo_id not in self._shown or repo_id in self._repos

    def has_profile(self, repo_id: str, profile: str, proposed: list[str]) -> bool:
        if repo_id in self._shown:
            return f"{repo_id}:{profile}" in self._profiles
        return profile in proposed

    def choice(self) -> dict[str, list[str]]:
        """Return the profiles ticked, by repository ticked."""
        pairs = [pair.partition(":") for pair in self._profiles]
        return {
            repo_id: [profile for owner, _, profile in pairs if owner == repo_id and profile in PROFILES]
            for repo_id in self._repos
        }


def _origin() -> str:
    origin: str = request.scope["state"]["origin"]
    return origin


def _cookie_name() -> str:
    # The prefix makes browsers refuse one that a neighbouring host sets for us; plain http has no such thing.
    return "__Host-rh_browser" if _origin().startswith("https://") else "rh_browser"


def _check_page(request: Request, origin: str) -> None:
    """Refuse a form that another site's page sent (CVE-2026-27124); the cookie and the signature would, too.

    Our own page sends no referrer, which makes browsers write its Origin as `null`.
    """
    claimed, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if claimed not in (None, "null", origin) or site not in (None, "same-origin"):
        raise Refusal("That form came from another site.", code="LOGIN_REFUSED")


def _wrong(wrong: int, given: int) -> Refusal:
    if given == 1:
        message = "That passphrase is not right for this login."
    elif wrong == given:
        message = f"None of those {given} passphrases is right for this login."
    else:
        message = f"{wrong} of {given} passphrases are not right for this login."
    return Refusal(message, code="WRONG_PASSPHRASE", next_step="The login is still open. Check it and try again.")


def _redirect(location: str) -> Response:
    # 303: the browser must never send the form on to the client (RFC 9700 section 4.12).
    return Response("", 303, {**_HEADERS, "Location": location})


async def _page(template: str, login: Login | None, status: int = 200, **context: Any) -> Response:
    """Return a page.

    A login's page has no `form-action`: browsers apply it to every redirect that follows the form, so that it would
    stop the client's own redirects into an application or to loopback, after the code was given. All text on the page
    is escaped, so no form of another's can stand on it.
    """
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; script-src 'sha256-{_SCRIPT_HASH}'; img-src data:; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    if login is None:
        policy += "; form-action 'none'"
    if login is not None:
        context |= {
            "login": login,
            "redirect_host": redirects.host_of(login.redirect_uri),
            "is_local": redirects.is_loopback(login.redirect_uri),
            "is_hub": login.resource == HUB,
        }
    text = await render_template(template, style=_STYLE, script=_SCRIPT, **context)
    response = Response(text, status, {**_HEADERS, "Content-Security-Policy": policy})
    if status == 429:
        response.headers["Retry-After"] = "1"
    return response


async def _show_refusal(refusal: Refusal) -> Response:
    link = None
    if isinstance(refusal, LoginOver):
        back = refusal.login.answer(error="access_denied", error_description="the login is over; start it again")
        link = {"href": back, "text": refusal.login.client.name}
    return await _page("message.html", None, 400, message=refusal.message, next_step=refusal.next_step, link=link)


async def _show_redirect(error: RedirectError) -> Response:
    if error.is_trusted:
        return _redirect(error.location)
    return await _page(
        "message.html",
        None,
        400,
        message="The app's login request is not valid.",
        next_step="Nothing was allowed. You can go back to the app.",
        link={"href": error.location, "text": redirects.host_of(error.location)},
    )


async def _show_http_error(error: HTTPException) -> Response:
    return await _page(
        "message.html",
        None,
        error.code or 500,
        message="This page cannot answer that request.",
        next_step="Start the login again in the app.",
        link=None,
    )
