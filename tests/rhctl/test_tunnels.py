"""What each tunnel is told to publish, and the quick tunnel that runs."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rhctl.tunnels import PROVIDERS, PUBLIC_PATTERN, describe, find_quick_tunnel
from rhd.web.routes import ROUTES

URL = "http://127.0.0.1:8765"
BRIDGE = ["/opt/my apps/rhctl", "connect", "--repo", "REPO", "--profile", "planner"]


def test_what_is_public_is_every_route_but_health() -> None:
    for route in ROUTES:
        path = route.path.replace("{slug}", "project")
        assert bool(re.search(PUBLIC_PATTERN, path)) is (path != "/health"), path
    for path in ("/", "/health", "/mcp/x", "/r/a/b/mcp", "/metrics", "/tokens"):
        assert not re.search(PUBLIC_PATTERN, path)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_has_its_commands_for_this_daemon(provider: str) -> None:
    found = describe(provider, URL, "h.example.com", BRIDGE)
    assert set(found) == {"commands", "file", "config", "notes"}
    text = json.dumps(found)
    assert URL in text
    if provider == "openai":
        assert any("--mcp-command ''" in c and "--profile planner" in c for c in found["commands"])
    else:
        assert found["commands"][-1] == "rhctl endpoint https://h.example.com/mcp"
    assert describe(provider, URL, None, BRIDGE)["commands"]


def test_cloudflared_publishes_nothing_else() -> None:
    lines = describe("cloudflared", URL, "h.example.com", BRIDGE)["config"].splitlines()
    assert f"    path: {PUBLIC_PATTERN}" in lines
    assert lines[-1] == "  - service: http_status:404"


@contextmanager
def metrics(status: int, body: bytes) -> Iterator[int]:
    """Yield the port of a metrics server that answers so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/quicktunnel"
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (200, b'{"hostname": "some-words.trycloudflare.com"}', "https://some-words.trycloudflare.com"),
        (200, b'{"hostname": "evil.example.com"}', None),
        (200, b'{"hostname": ""}', None),
        (200, b"[]", None),
        (200, b"no json", None),
        (404, b'{"hostname": "some-words.trycloudflare.com"}', None),
    ],
)
def test_a_quick_tunnel_is_found_by_its_metrics_port(status: int, body: bytes, found: str | None) -> None:
    with metrics(status, body) as port:
        assert find_quick_tunnel([1, port]) == found
