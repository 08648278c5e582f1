"""What each tunnel needs to publish this daemon: commands and configuration, for the public paths alone."""

from __future__ import annotations

import json
import shlex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PUBLIC_PATHS = (
    "/mcp",
    "/r/SLUG/mcp",
    "/.well-known/…",
    "/authorize",
    "/token",
    "/register",
    "/revoke",
)
"""What a client needs to reach; everything else, such as /health, stays on this machine."""

PUBLIC_PATTERN = r"^/(mcp|r/[^/]+/mcp|authorize|token|register|revoke)/?$|^/\.well-known/|^/authorize/"
"""The same as the regular expression that cloudflared compares paths with."""

PROVIDERS = ("cloudflared", "tailscale", "ngrok", "openai")
EXAMPLE_HOST = "harness.example.com"
TUNNEL = "repo-harness"

QUICK_PORTS = range(20241, 20246)
"""Where cloudflared serves its metrics unless it is told another port."""

QUICK_WITHIN_S = 0.5


def describe(provider: str, url: str, host: str | None, bridge: list[str]) -> dict[str, Any]:
    """Return `{commands, file, config, notes}` of a tunnel to the daemon.

    Args:
        url: the daemon's origin on this machine.
        host: the public host name, if the person knows it already.
        bridge: the command line of the stdio bridge.
    """
    make = {"cloudflared": _cloudflared, "tailscale": _tailscale, "ngrok": _ngrok, "openai": _openai}[provider]
    return make(url, host, bridge)


def _cloudflared(url: str, host: str | None, _: list[str]) -> dict[str, Any]:
    host = host or EXAMPLE_HOST
    config = "\n".join(
        (
            f"tunnel: {TUNNEL}",
            "credentials-file: TUNNEL-ID.json",
            "ingress:",
            f"  - hostname: {host}",
            f"    path: {PUBLIC_PATTERN}",
            f"    service: {url}",
            "  - service: http_status:404",
            "",
        )
    )
    return {
        "commands": [
            "cloudflared tunnel login",
            f"cloudflared tunnel create {TUNNEL}",
            f"cloudflared tunnel route dns {TUNNEL} {host}",
            "cloudflared tunnel ingress validate",
            f"cloudflared tunnel run {TUNNEL}",
            f"rhctl endpoint https://{host}/mcp",
        ],
        "file": "~/.cloudflared/config.yml",
        "config": config,
        "notes": [
            "Put the file that `tunnel create` names in place of TUNNEL-ID.json, with its full path.",
            "Cloudflare must not challenge this host: switch bot protection and WAF challenges off for it.",
            f"For a try without an account: cloudflared tunnel --no-autoupdate --url {url}",
            "A quick tunnel publishes every path, its name changes with each start, and it carries no event streams.",
        ],
    }


def _tailscale(url: str, host: str | None, _: list[str]) -> dict[str, Any]:
    port = url.rpartition(":")[2]
    paths = ["/mcp", "/r", "/.well-known", "/authorize", "/token", "/register", "/revoke"]
    return {
        "commands": [
            *(f"tailscale funnel --bg --set-path {path} http://127.0.0.1:{port}{path}" for path in paths),
            "tailscale funnel status --json",
            f"rhctl endpoint https://{host or 'MACHINE.TAILNET.ts.net'}/mcp",
        ],
        "file": None,
        "config": None,
        "notes": [
            "Funnel needs MagicDNS, HTTPS and the funnel attribute in the tailnet's policy.",
            "The name stays as long as the machine's: switch off its automatic name. It is in: tailscale status --json",
            "End it with: tailscale funnel reset",
        ],
    }


def _ngrok(url: str, host: str | None, _: list[str]) -> dict[str, Any]:
    host = host or "NAME.ngrok-free.app"
    rule = {
        "on_http_request": [
            {
                "expressions": [f"!req.url.path.matches({json.dumps(PUBLIC_PATTERN)})"],
                "actions": [{"type": "deny", "config": {"status_code": 404}}],
            }
        ]
    }
    return {
        "commands": [
            f"ngrok http --url=https://{host} --traffic-policy-file=repo-harness-ngrok.json {url}",
            f"rhctl endpoint https://{host}/mcp",
        ],
        "file": "repo-harness-ngrok.json",
        "config": json.dumps(rule, indent=2) + "\n",
        "notes": ["The free plan shows a page of ngrok's own before the login page: one click."],
    }


def _openai(url: str, host: str | None, bridge: list[str]) -> dict[str, Any]:
    command = shlex.join(bridge)
    return {
        "commands": [
            "export CONTROL_PLANE_API_KEY=…   # a runtime key with Tunnels Read and Use",
            f"tunnel-client init --sample sample_mcp_stdio_local --profile {TUNNEL} --tunnel-id tunnel_… "
            f"--mcp-command {shlex.quote(command)}",
            f"tunnel-client doctor --profile {TUNNEL} --explain",
            f"tunnel-client run --profile {TUNNEL}",
        ],
        "file": None,
        "config": None,
        "notes": [
            "Make the tunnel at platform.openai.com/settings/organization/tunnels and associate it with the workspace.",
            "It reaches the daemon through the stdio bridge: nothing listens, and no name has to be public.",
            "There is no login in this mode. Anyone who can use the tunnel acts as you, with the named profile.",
            "In ChatGPT choose Tunnel as the connection and No Authentication.",
            f"Over HTTP (only if the login pages are public as well): tunnel-client run --mcp.server-url "
            f"'url={url}/mcp,channel=main'",
        ],
    }


def find_quick_tunnel(ports: list[int] | range = QUICK_PORTS) -> str | None:
    """Return the origin of a cloudflared quick tunnel that runs here, as its metrics server says."""
    import http.client

    for port in ports:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=QUICK_WITHIN_S)
        try:
            connection.request("GET", "/quicktunnel")
            answer = connection.getresponse()
            found = json.loads(answer.read(4096)) if answer.status == 200 else None
        except (OSError, ValueError, http.client.HTTPException):
            continue
        finally:
            connection.close()
        host = found.get("hostname") if isinstance(found, dict) else None
        if isinstance(host, str) and host.endswith(".trycloudflare.com"):
            return f"https://{host}"
    return None
