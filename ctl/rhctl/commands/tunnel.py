"""`rhctl tunnel`."""

from __future__ import annotations

from rhctl.command import CONNECT, Command
from rhctl.daemon_access import open_client
from rhctl.options import choice, home_words, make_parser
from rhctl.rendering import say, say_json
from rhctl.tunnels import PROVIDERS, PUBLIC_PATHS, describe, find_quick_tunnel
from rhwire.escape import escape
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


def build_parser() -> Parser:
    """Return the parser of `rhctl tunnel`."""
    parser = make_parser(
        "tunnel",
        "Print the commands and the configuration that publish this daemon through a tunnel, and only the paths that "
        "clients need. Nothing is started or written.",
        "rhctl tunnel cloudflared --host harness.example.com",
    )
    parser.add_argument(
        "provider", type=choice("provider", PROVIDERS), metavar="PROVIDER", help=f"one of: {', '.join(PROVIDERS)}"
    )
    parser.add_argument("--host", metavar="NAME", help="the public host name, to be put into what is printed")
    parser.add_argument(
        "--metrics", type=int, metavar="PORT", help="the metrics port of a cloudflared that runs (default: 20241-20245)"
    )
    return parser


def run(args: Any) -> int:
    """Print one tunnel's commands and configuration."""
    from rhctl.setup.served_repo import program_path

    home = Home.find(args.home)
    with open_client(home, may_start=not args.no_start) as client:
        daemon = client.call("status")["daemon"]
    bridge = [program_path("rhctl"), "connect", *([] if home.is_default else ["--home", home.base])]
    bridge += ["--repo", "REPO", "--profile", "planner"]
    found = describe(args.provider, daemon["url"], args.host, bridge)
    quick = None
    if args.provider == "cloudflared":
        quick = find_quick_tunnel([args.metrics]) if args.metrics is not None else find_quick_tunnel()
    record = f"rhctl endpoint {quick}/mcp{home_words(home)}" if quick else None
    if args.json:
        say_json(
            {
                "provider": args.provider,
                "url": daemon["url"],
                "public_url": daemon["public_url"],
                "paths": list(PUBLIC_PATHS) if args.provider != "openai" else [],
                **found,
                "quick_url": quick,
            }
        )
        return 0
    if found["config"] is not None:
        say(f"# {found['file']}:")
        for line in found["config"].splitlines():
            say(escape(line))
        say()
    for command in found["commands"]:
        words = home_words(home) if command.startswith("rhctl ") else ""
        say(f"  {escape(command)}{words}")
    say()
    for note in found["notes"]:
        say(f"# {escape(note)}")
    if record is not None:
        say(f"# A quick tunnel runs: {escape(str(quick))}. Record it with:")
        say(f"#   {escape(record)}")
    return 0


COMMAND = Command("tunnel", CONNECT, "Print the configuration of a tunnel to this daemon", build_parser, run)
