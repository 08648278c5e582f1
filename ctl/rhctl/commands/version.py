"""`rhctl version`."""

from __future__ import annotations

from rhctl.client import DaemonClient, is_running
from rhctl.command import DAEMON, Command
from rhctl.errors import NoDaemon
from rhctl.options import make_parser
from rhctl.rendering import say, say_json
from rhwire.home import Home
from rhwire.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


def build_parser() -> Parser:
    """Return the parser of `rhctl version`."""
    return make_parser("version", "Show the versions of client and daemon.", "rhctl version --json", starts=False)


def run(args: Any) -> int:
    """Print the versions of client and daemon; never starts one."""
    home = Home.find(args.home)
    daemon = None
    if is_running(home):
        try:
            with DaemonClient.connect(home) as client:
                daemon = client.call("version")
        except NoDaemon:
            daemon = None
    if args.json:
        say_json({"version": VERSION, "daemon": daemon})
        return 0
    say(f"rhctl {VERSION}")
    say(f"rhd   {daemon['version']}" if daemon else "rhd   not running")
    if daemon and daemon["version"] != VERSION:
        say("  They differ: restart the daemon to upgrade it.")
    return 0


COMMAND = Command("version", DAEMON, "Show the versions of client and daemon", build_parser, run)
