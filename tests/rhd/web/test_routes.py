"""The route table."""

from __future__ import annotations

import random
import string

import pytest

from rhd.web.routes import ROUTES, find_route


def test_the_table_is_sorted_and_no_route_stands_twice() -> None:
    assert list(ROUTES) == sorted(ROUTES)
    assert len({route.path for route in ROUTES}) == len(ROUTES)
    assert all(list(route.methods) == sorted(route.methods) for route in ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_every_route_is_found_by_its_path(route: object) -> None:
    path = route.path.replace("{slug}", "some-repo")  # type: ignore[attr-defined]
    found = find_route(path)
    assert found is not None
    assert found[0] is route
    assert found[1] == ("some-repo" if "{slug}" in route.path else None)  # type: ignore[attr-defined]


def not_routes() -> list[str]:
    """A thousand paths that are no routes: the usual probes, neighbours of every route, and noise."""
    probes = [
        "", "/", "//", "/.", "/..", "/index.html", "/favicon.ico", "/robots.txt", "/.env", "/.git/config", "/admin",
        "/api", "/login", "/metrics", "/debug/pprof", "/status", "/sse", "/messages", "/mcp/sse", "/ws", "/token.json",
        "/introspect", "/userinfo", "/jwks.json", "/.well-known/", "/.well-known/jwks.json",
        "/.well-known/security.txt",
        "/.well-known/oauth-authorization-server/mcp", "/.well-known/openid-configuration/mcp", "/oauth/token",
        "/authorize/", "/authorize/approve", "/r", "/r/", "/r/one", "/r/one/", "/r/one/mcp/x", "/r/one/mcp.json",
        "/r/mcp", "/r//mcp", "/r/../mcp", "/r/-one/mcp", "/r/one-/mcp", "/r/ONE/mcp", "/r/o ne/mcp", "/r/one\n/mcp",
        "/r/one/mcp\n", "/mcp\n", "/mcp\x00", "/mcp;x", "/mcp,", "/mcp\\", "\\mcp", "mcp", "http://evil/mcp", "*",
        "/r/" + "a" * 49 + "/mcp", "/r/\u043ene/mcp", "/\uff4dcp", "/r/one\u2215mcp",
    ]  # fmt: skip
    neighbours = []
    for route in ROUTES:
        path = route.path.replace("{slug}", "one")
        neighbours += [
            path + "/",
            "/" + path,
            path + "//",
            path.upper(),
            path + "x",
            path[:-1],
            path + "/..",
            path + ".json",
        ]
        neighbours += [path + " ", " " + path, path + "\u200b", path + "%20", path.replace("/", "//")]
    chance = random.Random(1)
    alphabet = string.ascii_lowercase + "/.-_~%"
    noise = {"/" + "".join(chance.choices(alphabet, k=chance.randrange(1, 24))) for _ in range(2000)}
    known = {route.path.replace("{slug}", "one") for route in ROUTES}
    found = [*probes, *neighbours, *sorted(noise)]
    return [path for path in dict.fromkeys(found) if path not in known][:1000]


def test_a_thousand_other_paths_are_none() -> None:
    paths = not_routes()
    assert len(paths) == 1000
    assert [path for path in paths if find_route(path) is not None] == []
