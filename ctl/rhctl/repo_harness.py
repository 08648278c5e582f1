"""`repo-harness`: the older command, a thin front over the same client.

It keeps the configurations of its predecessor working: `mcp serve` without a transport is the stdio bridge.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

from rhctl.__main__ import guard
from rhctl.client import DaemonClient, is_running
from rhctl.command import NAMES, run_command
from rhctl.daemon_access import open_client
from rhctl.errors import NoDaemon, UsageError
from rhctl.options import add_profile, add_runner, choice, make_parser, repo_params
from rhctl.predecessor_words import find_moved, refuse_options
from rhctl.rendering import say, say_dormant, say_json, say_problem, say_runs
from rhwire.errors import HarnessError
from rhwire.escape import escape
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import Any

PROGRAM = "repo-harness"
ENDS_WITHIN_S = 10.0

OVERVIEW = """\
usage: repo-harness COMMAND [OPTION…]

Gives planning models the workflow artifacts of your repositories,
and nothing else.

  adopt [PATH]             make a repository's workflow artifacts reachable
  mcp serve                serve it on stdio, or over HTTP (--transport http)
  mcp setup chatgpt|codex  print or write a client's configuration
  mcp doctor               examine the installation

Try: repo-harness mcp serve --help
Everything else is rhctl's: rhctl --help
"""


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    return guard(PROGRAM, argv, lambda: _run(argv))


def _run(argv: list[str]) -> int:
    if argv in ([], ["mcp"]) or argv[0] in ("-h", "--help", "help") or argv in (["mcp", "-h"], ["mcp", "--help"]):
        sys.stdout.write(OVERVIEW)
        return 0 if argv not in ([], ["mcp"]) else 2
    if argv[0] in ("--version", "version"):
        return run_command("version", argv[1:])
    if argv[0] == "adopt":
        return run_command("adopt", _without_repo(argv[1:]))
    if argv[:2] == ["mcp", "serve"]:
        return serve(argv[2:])
    if argv[:2] == ["mcp", "setup"]:
        return setup(argv[2:])
    if argv[:2] == ["mcp", "doctor"]:
        return run_command("doctor", _without_repo(argv[2:]))
    if (moved := find_moved(argv)) is not None:
        raise moved
    from difflib import get_close_matches

    is_other = argv[0] in NAMES
    near = [] if argv[0] == "mcp" else get_close_matches(argv[0], ("adopt", "mcp"), 1)
    hint = f"Did you mean: repo-harness {near[0]}" if near else "See: repo-harness --help"
    hint = f"Did you mean: rhctl {' '.join(argv)}" if is_other else hint
    raise UsageError(f"there is no command {' '.join(argv[:2])!r}", next_step=hint)


def _without_repo(arguments: list[str]) -> list[str]:
    """Return arguments with `--repo PATH`, as the predecessor has it, as the plain `PATH` that `rhctl` takes."""
    plain: list[str] = []
    values = iter(arguments)
    for argument in values:
        if argument == "--repo":
            plain += [path] if (path := next(values, None)) is not None else [argument]
        else:
            plain.append(argument.removeprefix("--repo="))
    return plain


def setup(arguments: list[str]) -> int:
    """`mcp setup`: as `rhctl setup`, but Codex's configuration is written unless it is a dry run."""
    from rhctl.commands.setup import add_options, configure

    parser = make_parser(
        "mcp setup", "Set a client up.", "repo-harness mcp setup codex --repo . --scope project", program=PROGRAM
    )
    parser.add_argument("client", type=choice("client", ("chatgpt", "codex")), metavar="chatgpt|codex")
    parser.add_argument("--repo", default=".", metavar="PATH", help="the repository; the current folder's if left out")
    add_options(parser)
    # The daemon knows where it serves, and ChatGPT's user names the connector: both are taken and change nothing.
    for name in ("--host", "--port", "--server-name"):
        parser.add_argument(name, help="taken for the sake of the predecessor's commands; changes nothing")
    refuse_options("mcp setup", arguments)
    args = parser.parse_args(arguments)
    home = Home.find(args.home)
    with open_client(home, may_start=not args.no_start) as client:
        ensure_known(client, args.repo)
        return configure(client, home, args.client, args, write=args.client == "codex")


def serve(arguments: list[str]) -> int:
    """`mcp serve`: the stdio bridge, or the daemon over HTTP with a profile leased for as long as this runs."""
    parser = make_parser(
        "mcp serve",
        "Serve a repository. On stdio (the default) this is the bridge to the daemon; over HTTP it joins the daemon "
        "that runs, which then listens on HOST and PORT too, or runs one in the foreground where no service is "
        "installed. What it began ends with it.",
        "repo-harness mcp serve --repo . --transport http --host 127.0.0.1 --port 8765 --profile planner",
        program=PROGRAM,
    )
    parser.add_argument("--repo", default=".", metavar="PATH", help="the repository; the current folder's if left out")
    parser.add_argument("--transport", choices=("stdio", "http"), default="stdio")
    parser.add_argument("--host", metavar="HOST", help="the address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, metavar="PORT", help="the port to listen on (default: 8765)")
    add_profile(parser, "the profile (default: planner over HTTP, planner and executor on stdio)")
    add_runner(parser)
    parser.add_argument("--auth", choices=("oauth",), default="oauth", help="how clients log in (only oauth)")
    refuse_options("mcp serve", arguments)
    args = parser.parse_args(arguments)
    home = Home.find(args.home)
    if args.transport == "stdio":
        return serve_stdio(home, args)
    if args.port is not None and not 1 <= args.port <= 65535:
        raise UsageError(f"invalid --port {args.port}", next_step="Use a port from 1 to 65535.")
    return serve_http(home, args)


def serve_stdio(home: Home, args: argparse.Namespace) -> int:
    """Run the bridge; a repository that was adopted elsewhere is registered first.

    Whatever fails before that is left to the bridge, which tells its client instead of ending.
    """
    from rhctl.commands.connect import connect

    try:
        with open_client(home, may_start=not args.no_start) as client:
            ensure_known(client, args.repo)
    except HarnessError as error:
        print(f"{PROGRAM}: {escape(error.message)}", file=sys.stderr)
        print(f"  {escape(error.next_step)}", file=sys.stderr)
    return connect(home, args.repo, args.profile, may_start=not args.no_start)


def serve_http(home: Home, args: argparse.Namespace) -> int:
    """Join the daemon that serves, or become it; return when interrupted or when it ends."""
    with _joined(home, args) as (client, is_own):
        ensure_known(client, args.repo)
        request = {
            **repo_params(args.repo),
            "profile": args.profile or "planner",
            "lease": True,
            # An own daemon listens there already; if this command is killed, it ends as well.
            "host": None if is_own else args.host,
            "port": None if is_own else args.port,
            "ends_daemon": is_own or None,
            **_runner(args),
        }
        client.call("start", request, on_event=say_json if args.json else say_lease)
    return 0


@contextmanager
def _joined(home: Home, args: argparse.Namespace) -> Iterator[tuple[DaemonClient, bool]]:
    """Yield a connection to a daemon, and whether that runs for as long as this block."""
    if is_running(home):
        serving = DaemonClient.connect(home)
    elif args.no_start:
        raise NoDaemon("no daemon serves this home")
    elif is_service_installed(home):
        serving = open_client(home, may_start=True)
    else:
        with _in_foreground(home, args) as own:
            yield own, True
        return
    with serving:
        yield serving, False


@contextmanager
def _in_foreground(home: Home, args: argparse.Namespace) -> Iterator[DaemonClient]:
    """Yield a connection to a daemon of our own, which says what it says on this terminal and ends with the block."""
    from rhctl.daemon_start import daemon_command, wait_for_daemon

    command = daemon_command(home)
    if args.host is not None:
        command += ["--host", args.host]
    if args.port is not None:
        command += ["--port", str(args.port)]
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    # In a group of its own, so that Ctrl-C reaches it once, through us: the second signal would cut its draining short.
    # In another folder, since Python looks for modules where it is started: this one may be a stranger's checkout.
    child = subprocess.Popen(command, cwd="/", process_group=0)
    try:
        try:
            client = wait_for_daemon(home, child)
        except NoDaemon:
            if child.poll() is None:
                raise
            raise NoDaemon("the daemon did not start", next_step="It says why in the line above.") from None
        with client:
            yield client
    finally:
        _end(child)


def _leave(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Let a daemon of our own drain; an impatient second Ctrl-C ends it at once."""
    try:
        child.terminate()
        child.wait(ENDS_WITHIN_S)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        child.kill()
        child.wait()


def _runner(args: argparse.Namespace) -> dict[str, Any]:
    """Return what the options and the environment say of agent runs; the environment counts for the orchestrator alone.

    It is this command's environment that is read, never the daemon's.
    """
    is_meant = args.profile == "orchestrator"
    word = os.environ.get("REPO_HARNESS_MCP_DEV_RUNNER", "").lower() if is_meant else ""
    agents = args.dev_runner_agents or (os.environ.get("REPO_HARNESS_MCP_DEV_RUNNER_AGENTS") if is_meant else None)
    is_enabled = args.enable_dev_runner or word in ("1", "true", "yes", "on")
    return {"enable_dev_runner": is_enabled or None, "dev_runner_agents": agents if is_enabled else None}


def ensure_known(client: DaemonClient, repo: str) -> None:
    """Register a repository that is adopted on disk but unknown here, and say so; refuse one that is not adopted.

    Raises:
        HarnessError: REPO_NOT_ADOPTED.
    """
    params = repo_params(repo)
    try:
        client.call("setup", params)
    except HarnessError as error:
        if error.code not in ("REPO_NOT_ADOPTED", "REPO_NOT_FOUND"):
            raise
        plan = client.call("adopt", {"path": params["path"], "dry_run": True})
        if plan["outcome"] == "adopted" and any(not name.startswith(".repo-harness/") for name in plan["created"]):
            import shlex

            raise HarnessError(
                f"{plan['path']} is not adopted",
                code="REPO_NOT_ADOPTED",
                next_step=f"Adopt it first: {shlex.join([PROGRAM, 'adopt', repo])}",
            ) from None
        done = client.call("adopt", {"path": params["path"]})
        path = escape(done["path"])
        print(f"{PROGRAM}: {path} was adopted already; it is now known as {done['slug']}", file=sys.stderr)


def is_service_installed(home: Home) -> bool:
    """Say whether a service is installed for `home`."""
    from rhctl.managers.detection import find_service

    return find_service(home) is not None


def say_lease(lease: dict[str, Any]) -> None:
    """Tell a person what is served, until when."""
    say(f"{lease['slug']} is served with the profile {lease['profile']}")
    say(f"  this repository:   {lease['url']}")
    say(f"  all of them:       {lease['hub_url']}")
    say(f"  health:            {lease['hub_url'].removesuffix('/mcp')}/health")
    say_runs(lease["agent_runs"])
    say_dormant(lease)
    say_problem(lease["problem"])
    ends = [f"the profile {lease['profile']} for HTTP clients"] if lease["ends_profile"] else []
    ends += [f"the listener on {lease['listener']}"] if lease["listener"] else []
    ends += ["the daemon, with every connection to it"] if lease["ends_daemon"] else []
    what = f" This ends {' and '.join(ends)}." if ends else " Everything goes on as it was before."
    say(f"Interrupt to stop.{what}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
