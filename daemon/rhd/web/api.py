"""The JSON side of the authorization server: /token, /register, /revoke. Every answer is JSON, errors too."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from rhd.asgi import Header, Scope, Send
from rhd.oauth.authority import Authority
from rhd.oauth.errors import OAuthError
from rhd.web.origins import Origins
from rhd.web.replies import NO_STORE, header, send_empty, send_json

MAX_FIELDS = 32
MAX_BYTES = 8 * 1024
MAX_SECRETS = 4
_SECRET = re.compile(rb"(?:^|&)(?:code|refresh_token)=([^&]{1,256})")


def owner_of(authority: Authority, body: bytes) -> str | None:
    """Return whose code or refresh token a token request holds, without parsing the form; None if it is unknown."""
    for value in _SECRET.findall(body[:MAX_BYTES])[:MAX_SECRETS]:
        if (owner := authority.owner_of_secret(unquote_plus(value.decode("latin-1")))) is not None:
            return owner
    return None


async def token(authority: Authority, origins: Origins, scope: Scope, body: bytes, send: Send) -> None:
    """Answer a token request (RFC 6749 sections 4.1.3 and 6)."""
    try:
        form = _read_form(scope, body)
        answer = await _grant(authority, form, _client_id(scope, form), _resource(origins, form))
    except OAuthError as error:
        await _send_error(scope, send, error)
    else:
        await send_json(send, 200, answer, NO_STORE)


async def revoke(authority: Authority, scope: Scope, body: bytes, send: Send) -> None:
    """Answer a revocation request (RFC 7009); a token that is unknown or another client's is no error."""
    try:
        form = _read_form(scope, body)
        await authority.tokens.revoke(_need(form, "token"), client_id=_client_id(scope, form))
    except OAuthError as error:
        await _send_error(scope, send, error)
    else:
        await send_empty(send, 200, NO_STORE)


async def register(authority: Authority, scope: Scope, body: bytes, send: Send) -> None:
    """Answer a registration request (RFC 7591)."""
    try:
        try:
            metadata = json.loads(body)
        except (ValueError, RecursionError):
            raise OAuthError("invalid_client_metadata", "the body must be a JSON object") from None
        answer = authority.registrations.register(metadata)
    except OAuthError as error:
        await _send_error(scope, send, error)
    else:
        await send_json(send, 201, answer, NO_STORE)


async def _grant(
    authority: Authority, form: dict[str, list[str]], client_id: str, resource: str | None
) -> dict[str, Any]:
    match _one(form, "grant_type"):
        case "authorization_code":
            return await authority.tokens.exchange(
                _need(form, "code"),
                _need(form, "code_verifier"),
                client_id=client_id,
                redirect_uri=_one(form, "redirect_uri"),
                resource=resource,
            )
        case "refresh_token":
            return await authority.tokens.refresh(_need(form, "refresh_token"), client_id=client_id, resource=resource)
        case None:
            raise OAuthError("invalid_request", "grant_type is missing")
        case _:
            raise OAuthError("unsupported_grant_type", "grant_type must be authorization_code or refresh_token")


def _read_form(scope: Scope, body: bytes) -> dict[str, list[str]]:
    media = (header(scope, b"content-type") or "").partition(";")[0].strip().lower()
    if media != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request", "the body must be application/x-www-form-urlencoded")
    form: dict[str, list[str]] = {}
    try:
        # The number of fields is counted before any is parsed.
        for name, value in parse_qsl(body.decode("ascii"), errors="strict", max_num_fields=MAX_FIELDS):
            form.setdefault(name, []).append(value)
    except ValueError:
        raise OAuthError("invalid_request", "the body is not a form") from None
    return form


def _one(form: dict[str, list[str]], name: str) -> str | None:
    values = form.get(name, [])
    if len(values) > 1:
        raise OAuthError("invalid_request", f"{name} is given twice")
    return values[0] if values else None


def _need(form: dict[str, list[str]], name: str) -> str:
    value = _one(form, name)
    if value is None:
        raise OAuthError("invalid_request", f"{name} is missing")
    return value


def _client_id(scope: Scope, form: dict[str, list[str]]) -> str:
    """Return the client's id, from the form or from HTTP Basic, where some libraries put it with no secret."""
    scheme, _, credentials = (header(scope, b"authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return _need(form, "client_id")
    try:
        decoded = base64.b64decode(credentials, validate=True).decode("utf-8")
    except ValueError:
        raise OAuthError("invalid_client", "the Authorization header cannot be read", status=401) from None
    client_id = unquote_plus(decoded.partition(":")[0])
    if _one(form, "client_id") not in (None, client_id):
        raise OAuthError("invalid_request", "two different client_ids are given")
    return client_id


def _resource(origins: Origins, form: dict[str, list[str]]) -> str | None:
    named = {origins.resource_of(url) for url in form.get("resource", [])}
    if len(named) > 1 or None in named:
        raise OAuthError("invalid_target", "the resource is not one of this server")
    return named.pop() if named else None


async def _send_error(scope: Scope, send: Send, error: OAuthError) -> None:
    headers: tuple[Header, ...] = NO_STORE
    if error.status == 401 and (header(scope, b"authorization") or "").lower().startswith("basic "):
        headers += ((b"www-authenticate", b'Basic realm="repo-harness"'),)
    await send_json(send, error.status, {"error": error.error, "error_description": error.description}, headers)
