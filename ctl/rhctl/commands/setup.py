"""`rhctl setup`."""

from __future__ import annotations

import os

from rhctl.client import DaemonClient
from rhctl.command import CONNECT, Command
from rhctl.commands.endpoint import say_replaced
from rhctl.daemon_access import open_client
from rhctl.errors import UsageError
from rhctl.options import Parser, choice, home_words, make_parser, real_path, repo_params
from rhctl.rendering import say, say_json, say_summary, say_table
from rhctl.setup.client_table import ALIASES, CHATGPT, IDS, find_spec
from rhctl.terminal import GOOD, QUIET
from rhwire.errors import HarnessError
from rhwire.escape import escape
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from rhctl.rendering import Cell
    from rhctl.setup.client_spec import ClientSpec

ANSWER: dict[str, Any] = {
    "client": None,
    "slug": None,
    "scope": None,
    "file": None,
    "server": None,
    "config": None,
    "http": None,
    "add": [],
    "written": False,
    "removed": False,
    "diff": None,
    "needs_trust": None,
    "name": None,
    "url": None,
    "local_url": None,
    "authentication": None,
    "replaced_for": [],
    "passphrase_file": None,
    "steps": [],
}
"""The keys of `--json`, the same for every client."""


def build_parser() -> Parser:
    """Return the parser of `rhctl setup`."""
    parser = make_parser(
        "setup",
        "Print what a client needs to reach a repository. With --write, merge it into the client's configuration file; "
        "everything else in that file keeps its bytes.",
        "rhctl setup codex --write",
    )
    parser.add_argument(
        "client", nargs="?", type=choice("client", (*IDS, *ALIASES)), metavar="CLIENT", help=f"one of: {', '.join(IDS)}"
    )
    add_options(parser)
    parser.add_argument("repo", nargs="?", metavar="REPO", help="slug or path (default: the current folder's)")
    parser.add_argument("--write", action="store_true", help="merge the entry into the client's file")
    parser.add_argument("--remove", action="store_true", help="take the entry out of the client's file again")
    parser.add_argument("--list", action="store_true", help="show which clients are installed and configured here")
    return parser


def run(args: Any) -> int:
    """Print a client's configuration, write it or take it out again."""
    if args.list:
        if args.client is not None:
            raise UsageError("--list is about all clients", next_step="Leave the client out.")
        return _list(args.json)
    if args.client is None:
        raise UsageError("the following arguments are required: CLIENT", next_step="List them with: rhctl setup --list")
    home = Home.find(args.home)
    with open_client(home, may_start=not args.no_start) as client:
        return configure(client, home, args.client, args, write=args.write)


def add_options(parser: Parser) -> None:
    """Add what `rhctl setup` and `repo-harness mcp setup` have in common."""
    parser.add_argument("--endpoint", metavar="URL", help="record this public URL first: https://HOST[:PORT]/mcp")
    parser.add_argument("--replace", action="store_true", help="replace another recorded endpoint")
    parser.add_argument(
        "--scope",
        type=choice("scope", ("project", "user")),
        metavar="project|user",
        help="which file of the client (default: project, if it has one)",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would change in the file, as a diff")


def configure(client: DaemonClient, home: Home, name: str, args: argparse.Namespace, *, write: bool) -> int:
    """Set one client up as the options say; return the exit code."""
    replaced: list[str] = []
    name, is_removing = ALIASES.get(name, name), getattr(args, "remove", False)
    if name == CHATGPT and (write or is_removing):
        raise UsageError("ChatGPT has no configuration file", next_step="Leave --write and --remove out.")
    if write and is_removing:
        raise UsageError("--write and --remove exclude each other", next_step="Give one of them.")
    if args.endpoint is not None:
        # The repository is looked up first, so that a wrong one records nothing.
        client.call("setup", repo_params(args.repo))
        answer = client.call("endpoint", {"url": args.endpoint, "replace": args.replace or None})
        replaced = answer["clients"]
    if name == CHATGPT:
        facts = client.call("setup", {**repo_params(args.repo), "profile": "planner"})
        return _chatgpt(home, facts, replaced, args.json)
    spec = find_spec(name)
    scope = _scope(spec, args.scope)
    wanted = {"profile": spec.profile or "executor", "scope": scope if not spec.needs_repo else None}
    facts = client.call("setup", {**repo_params(args.repo), **wanted})
    return _client(home, spec, scope, facts, args, write=write, remove=is_removing)


def _scope(spec: ClientSpec, asked: str | None) -> str:
    if asked is not None and asked not in spec.scopes:
        raise UsageError(
            f"{spec.name} has no {asked} configuration", next_step=f"Use --scope {spec.scopes[0]}, or leave it out."
        )
    return asked or spec.scopes[0]


def _client(
    home: Home,
    spec: ClientSpec,
    scope: str,
    facts: dict[str, Any],
    args: argparse.Namespace,
    *,
    write: bool,
    remove: bool,
) -> int:
    """Print, write or remove the entry of a client with a configuration file."""
    from rhctl.setup import gates
    from rhctl.setup.client_spec import SERVER, Connection
    from rhctl.setup.config_file import ConfigFile
    from rhctl.setup.served_repo import bridge_words, program_path

    repo_path = facts["path"]
    words = bridge_words(home, scope, repo=repo_path if spec.needs_repo else None, profile=spec.profile)
    program = "rhctl" if scope == "project" else program_path("rhctl")
    where = "" if scope == "project" else home_words(home)
    helped = f" {facts['slug']}" if spec.helper_needs_repo and scope == "user" else ""
    connection = Connection(words, facts["hub_url"], f"{program} auth-header{helped}{where}", facts["tools"])
    entry, http = spec.entry(connection), spec.http_entry(connection)
    path = spec.file(scope, repo_path)
    if (write or remove) and not spec.is_written:
        raise UsageError(
            f"the file of {spec.name} is not documented well enough to be changed",
            next_step=f"Add yourself what this prints: rhctl setup {spec.id}",
        )
    diff, is_changing = None, (write or remove) and not args.dry_run
    if write or remove or (args.dry_run and spec.is_written):
        if write or not remove:
            _refuse_detached(facts)
        file = ConfigFile(spec, path, repo_path if scope == "project" else None)
        data = file.remove() if remove else file.merge(entry)
        diff = file.diff(data)
        if is_changing:
            file.write(data)
    is_closed = scope == "project" and spec.gate is not None and not gates.is_open(spec.gate, repo_path)
    answer = {
        **ANSWER,
        "client": spec.id,
        "slug": facts["slug"],
        "scope": scope,
        "file": path,
        "server": SERVER,
        "config": spec.snippet(entry),
        "http": spec.snippet(http) if http is not None else None,
        "add": [line for line in (spec.add_line(scope, connection), spec.add_http_line(connection)) if line],
        "written": bool(write and is_changing),
        "removed": bool(remove and is_changing),
        "diff": diff,
        "needs_trust": is_closed if scope == "project" and spec.gate is not None else None,
        "local_url": facts["hub_url"],
        "steps": [] if remove else _steps(spec, scope, home, repo_path, is_closed=is_closed),
    }
    if args.json:
        say_json(answer)
    else:
        _say_client(answer, spec.name, is_dry=args.dry_run, is_written=spec.is_written)
    return 0


def _steps(spec: ClientSpec, scope: str, home: Home, repo_path: str | None, *, is_closed: bool) -> list[str]:
    from rhctl.setup import gates

    # Of the gates, Claude Code's alone is the approval that its steps are about.
    is_done = scope == "project" and spec.gate == "claude-code" and not is_closed
    steps = [] if is_done else list(spec.todo.get(scope, ()))
    if is_closed and spec.gate is not None and repo_path is not None:
        steps += gates.advice(spec.gate, repo_path)
    if scope == "project" and not home.is_default:
        steps.append(
            f"This file is shared, so it does not name the home {escape(home.base)}: the default one is used, unless "
            "the client passes REPO_HARNESS_HOME on."
        )
    return steps


def _say_client(answer: dict[str, Any], name: str, *, is_dry: bool, is_written: bool) -> None:
    """Print it so that standard output, but for lines that begin with `#`, can be pasted or piped into a file."""
    path = escape(answer["file"])
    if is_dry:
        _say_text(answer["diff"] or f"# {path} stays as it is\n")
    elif answer["removed"]:
        say(f"{path}: {answer['server']} is removed" if answer["diff"] else f"{path}: there was no {answer['server']}")
    elif answer["written"]:
        say(f"{name} config: {path}")
        say(f"Server: {answer['server']}")
        say("Transport: stdio")
        for step in answer["steps"]:
            say(step)
    else:
        for line in answer["add"]:
            say(f"# {escape(line)}")
        if answer["add"]:
            say("# or:")
        say(f"# for {path}{'; add --write to merge it in' if is_written else ''}")
        _say_text(answer["config"])
        if answer["http"] is not None:
            say("# or over HTTP:")
            _say_text("".join(f"# {line}\n" for line in answer["http"].splitlines()))
        for step in answer["steps"]:
            say(f"# {step}")


def _chatgpt(home: Home, facts: dict[str, Any], replaced: list[str], as_json: bool) -> int:
    from rhctl.setup import chatgpt

    steps = chatgpt.steps(facts, home_words(home))
    if as_json:
        say_json(
            {
                **ANSWER,
                "client": CHATGPT,
                "slug": facts["slug"],
                "name": chatgpt.NAME,
                "url": facts["endpoint"],
                "local_url": facts["hub_url"],
                "authentication": "oauth",
                "passphrase_file": facts["passphrase_file"],
                "replaced_for": replaced,
                "steps": steps,
            }
        )
        return 0
    say_replaced(replaced)
    for step in steps:
        say(step)
    return 0


def _list(as_json: bool) -> int:
    """Show every client: whether it is installed here, and which of its files name our server."""
    repo_path = _repository_around(real_path("."))
    found = [_look_for(find_spec(name), repo_path) for name in IDS if name != CHATGPT]
    if as_json:
        say_json({"clients": found})
        return 0
    rows: list[tuple[Cell, ...]] = []
    for each in found:
        installed = ("yes", GOOD) if each["installed"] else ("-", QUIET)
        rows.append((each["client"], installed, ", ".join(map(_from_home, each["configured"])) or ("-", QUIET)))
    say_table(("CLIENT", "INSTALLED", "CONFIGURED"), rows, {"CONFIGURED": 16})
    is_there = [each for each in found if each["installed"]]
    say_summary(f"{len(is_there)} installed", "configure one with: rhctl setup CLIENT --write")
    return 0


def _from_home(path: str) -> str:
    home = os.path.expanduser("~")
    return f"~{path[len(home) :]}" if path.startswith(f"{home}/") else path


def _look_for(spec: ClientSpec, repo_path: str | None) -> dict[str, Any]:
    import shutil

    from rhctl.setup.config_file import ConfigFile

    configured = []
    is_installed = any(shutil.which(program) for program in spec.programs)
    for scope in spec.scopes:
        if scope == "project" and repo_path is None:
            continue
        path = spec.file(scope, repo_path)
        is_installed = is_installed or (scope == "user" and os.path.exists(path))
        try:
            if spec.format != "yaml" and ConfigFile(spec, path).find() is not None:
                configured.append(path)
        except HarnessError:
            pass  # a file that cannot be read configures nothing
    return {"client": spec.id, "name": spec.name, "installed": is_installed, "configured": configured}


def _repository_around(path: str) -> str | None:
    """Return the repository that a folder is in, by its `.git`: nothing of it is read, and no daemon is asked."""
    while not os.path.lexists(os.path.join(path, ".git")):
        parent = os.path.dirname(path)
        if parent == path:
            return None
        path = parent
    return path


def _refuse_detached(facts: dict[str, Any]) -> None:
    """Write nothing into, or about, a folder that is not the repository any more."""
    problem = facts["problem"]
    if problem is not None and problem["code"] == "REPO_DETACHED":
        raise HarnessError(problem["message"], code=problem["code"], next_step=problem["next_step"])


def _say_text(text: str) -> None:
    """Print a configuration; a tab stays, and what would control the terminal is escaped."""
    for line in text.splitlines():
        say("\t".join(escape(part) for part in line.split("\t")))


COMMAND = Command("setup", CONNECT, "Print or write the configuration of a client", build_parser, run)
