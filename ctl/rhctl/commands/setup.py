"""`rhctl setup`."""

from __future__ import annotations

import json

from rhctl.client import DaemonClient
from rhctl.command import CONNECT, Command
from rhctl.daemon_access import open_client
from rhctl.errors import UsageError
from rhctl.options import Parser, home_words, make_parser, repo_params
from rhctl.rendering import say, say_json
from rhctl.setup import chatgpt, codex
from rhwire.errors import HarnessError
from rhwire.escape import escape
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

CLIENTS = ("chatgpt", "codex")


def build_parser() -> Parser:
    """Return the parser of `rhctl setup`."""
    parser = make_parser(
        "setup",
        "Print what a client needs to reach a repository. With --write, merge it into the client's configuration file; "
        "everything else in that file stays.",
        "rhctl setup codex --write",
    )
    parser.add_argument("client", choices=CLIENTS, metavar="|".join(CLIENTS))
    add_options(parser)
    parser.add_argument("repo", nargs="?", metavar="REPO", help="slug or path; the current folder's if left out")
    parser.add_argument("--write", action="store_true", help="write the configuration")
    return parser


def run(args: Any) -> int:
    """Print a client's configuration, or write it."""
    home = Home.find(args.home)
    with open_client(home, may_start=not args.no_start) as client:
        return configure(client, home, args.client, args, write=args.write)


def add_options(parser: Parser) -> None:
    """Add what `rhctl setup` and `repo-harness mcp setup` have in common."""
    parser.add_argument("--endpoint", metavar="URL", help="record this public URL first: https://HOST[:PORT]/mcp")
    parser.add_argument("--replace", action="store_true", help="replace another recorded endpoint")
    parser.add_argument("--scope", choices=("project", "user"), default="project", help="which file of the client")
    parser.add_argument("--dry-run", action="store_true", help="show the whole file as it would be written")


def configure(client: DaemonClient, home: Home, name: str, args: argparse.Namespace, *, write: bool) -> int:
    """Set one client up as the options say; return the exit code."""
    ended: list[str] = []
    if args.endpoint is not None:
        # The repository is looked up first, so that a wrong one records nothing.
        client.call("setup", repo_params(args.repo))
        answer = client.call("endpoint", {"url": args.endpoint, "replace": args.replace or None})
        ended = answer["ended"]
    facts = client.call("setup", {**repo_params(args.repo), "profile": "executor" if name == "codex" else "planner"})
    if name == "chatgpt":
        if write:
            raise UsageError("ChatGPT has no configuration file to write", next_step="Leave --write out.")
        return _chatgpt(home, facts, ended, args.json)
    return _codex(home, facts, args, write=write)


def _chatgpt(home: Home, facts: dict[str, Any], ended: list[str], as_json: bool) -> int:
    steps = chatgpt.steps(facts, home_words(home))
    if as_json:
        say_json(
            {
                "client": "chatgpt",
                "slug": facts["slug"],
                "name": chatgpt.NAME,
                "url": facts["endpoint"],
                "local_url": facts["hub_url"],
                "authentication": "oauth",
                "passphrase_file": facts["passphrase_file"],
                "ended": ended,
                "steps": steps,
            }
        )
        return 0
    if ended:
        say(f"connectors made with the endpoint before, and ended: {', '.join(escape(name) for name in ended)}")
    for step in steps:
        say(step)
    return 0


def _codex(home: Home, facts: dict[str, Any], args: argparse.Namespace, *, write: bool) -> int:
    path = codex.config_path(args.scope, facts["path"])
    table = codex.entry(home, facts, args.scope)
    text = codex.merge(codex.read(path), table)
    is_writing = write and not args.dry_run
    if is_writing:
        _refuse_detached(facts)
        codex.write(path, text, args.scope)
    needs_trust = args.scope == "project" and not codex.is_trusted(facts["path"])
    if args.json:
        say_json(
            {
                "client": "codex",
                "slug": facts["slug"],
                "file": path,
                "written": is_writing,
                "server": codex.SERVER_NAME,
                "config": codex.snippet(table),
                "needs_trust": needs_trust,
            }
        )
        return 0
    mark = "" if is_writing else "# "  # so that what is printed can be pasted, or piped into a file, as it is
    if is_writing:
        say(f"Codex config: {escape(path)}")
        say(f"Server: {codex.SERVER_NAME}")
        say("Transport: stdio")
    elif args.dry_run:
        say(f"# {escape(path)} would be:")
        _say_toml(text)
    else:
        say(f"# for {escape(path)}; add --write to merge it in")
        _say_toml(codex.snippet(table))
    if needs_trust:
        # Codex ignores a project's configuration until its user has said that the project is trusted.
        say(f"{mark}Codex reads this only in a project that it trusts: start codex there once and confirm, or add to")
        say(f"{mark}{escape(codex.config_path('user', ''))}:")
        say(f"{mark}  [projects.{escape(json.dumps(facts['path'], ensure_ascii=False))}]")
        say(f'{mark}  trust_level = "trusted"')
    return 0


def _refuse_detached(facts: dict[str, Any]) -> None:
    """Write nothing into, or about, a folder that is not the repository any more."""
    problem = facts["problem"]
    if problem is not None and problem["code"] == "REPO_DETACHED":
        raise HarnessError(problem["message"], code=problem["code"], next_step=problem["next_step"])


def _say_toml(text: str) -> None:
    """Print a configuration; a tab stays, what would drive the terminal is written as TOML writes it."""
    for line in text.splitlines():
        say("\t".join(escape(part) for part in line.split("\t")))


COMMAND = Command("setup", CONNECT, "Print or write the configuration of a client", build_parser, run)
