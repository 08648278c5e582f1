"""`rhctl status`."""

from __future__ import annotations

from rhctl.client import DaemonClient
from rhctl.command import REPOSITORIES, Command
from rhctl.errors import DaemonHangs, NoDaemon
from rhctl.options import add_repo, make_parser, repo_params
from rhctl.rendering import count, runs_line, say, say_json, say_table
from rhctl.terminal import age, duration
from rhwire.escape import escape
from rhwire.home import Home
from rhwire.lock import ask_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


def build_parser() -> Parser:
    """Return the parser of `rhctl status`."""
    parser = make_parser(
        "status", "Show the daemon and its repositories. Starts nothing.", "rhctl status project", starts=False
    )
    add_repo(parser, about="slug or path; all of them if left out")
    return parser


def run(args: Any) -> int:
    """Show the daemon and its repositories; never starts one."""
    home = Home.find(args.home)
    # The lock is asked first: connecting to an activated socket would start the daemon.
    pid = ask_lock(home.lock)
    answer = None
    try:
        if pid is not None:
            with DaemonClient.connect(home) as client:
                answer = client.call("status", repo_params(args.repo, around=False))
    except NoDaemon:
        pass
    except DaemonHangs as error:
        return say_hangs(home, error, as_json=args.json)
    if answer is None:
        return say_none(pid, as_json=args.json)
    if args.json:
        say_json(answer)
    else:
        show(answer)
    return 0


def say_hangs(home: Home, error: DaemonHangs, *, as_json: bool) -> int:
    """Say that the daemon hangs, and what can be known without it; return the exit code."""
    from rhctl.commands.doctor import examine_from_outside
    from rhctl.commands.doctor import show as show_findings

    findings = examine_from_outside(home, error)
    if as_json:
        say_json({"error": error.to_json(), "daemon": None, "repos": [], "findings": findings})
    else:
        say(error.message)
        say(f"  {error.next_step}")
        say()
        show_findings(findings)
    return error.exit_code


def say_none(pid: int | None, *, as_json: bool) -> int:
    """Say that no daemon answers, and return the exit code; `pid` is the process that has the lock nevertheless."""
    error = NoDaemon("no daemon is running")
    if pid is not None:
        error = NoDaemon(f"the daemon (process {pid}) is starting or ending", next_step="Try again in a moment.")
    if as_json:
        say_json({"daemon": None, "repos": []})
    else:
        say(error.message)
        say(f"  {error.next_step}")
    return error.exit_code


def show(answer: dict[str, Any]) -> None:
    """Print a status for a person."""
    daemon = answer["daemon"]
    say(f"rhd {daemon['version']}  pid {daemon['pid']}  up {duration(daemon['uptime_s'])}  {daemon['url']}/mcp")
    public = f"{daemon['public_url']}/mcp" if daemon["public_url"] else "none recorded (rhctl endpoint URL)"
    say(f"public endpoint  {public}")
    day = daemon["last_day"]
    wrong, new = count(day["wrong_passphrases"], "wrong passphrase"), count(day["new_clients"], "new client")
    say(f"last 24 hours    {wrong}, {new}")
    watch = daemon["watch"]
    used = (f"{watch[noun]}{_of(watch[f'max_{noun}'])} {noun}" for noun in ("watches", "instances"))
    say(f"watching         {', '.join(used)}")
    for advice in watch["advice"]:
        say(f"  widen it with: {advice}")
    say()
    if not answer["repos"]:
        say("no repository is adopted")
        say("  Adopt one with: rhctl adopt PATH")
        return
    rows = []
    for repo in answer["repos"]:
        last = repo["last_change"]
        changed = (
            f"{last['path'] or 'the repository'} {last['change']} {age(last['at'])} ({last['via']})" if last else "-"
        )
        rows.append(
            (
                repo["slug"],
                repo["state"],
                ", ".join(repo["profiles"]) or "none",
                repo["watch"],
                str(repo["clients"]),
                changed,
            )
        )
    say_table(("REPO", "STATE", "PROFILES", "WATCH", "CLIENTS", "LAST CHANGE"), rows)
    for repo in answer["repos"]:
        if repo["agent_runs"]:
            say()
            say(f"{repo['slug']}: {runs_line(repo['agent_runs'])}")
        if repo["problem"]:
            say()
            say(f"{repo['slug']}: {escape(repo['problem']['message'])} [{repo['problem']['code']}]")
            say(f"  {escape(repo['problem']['next_step'])}")
        if len(answer["repos"]) == 1 and repo["left_out"] and repo["left_out"]["total"] > 1:
            say_left_out(repo["left_out"])


def say_left_out(left_out: dict[str, Any]) -> None:
    """Print what a repository holds and clients are not shown; its paths are escaped already."""
    say()
    say_table(("LEFT OUT", "WHY"), [(item["path"] or "the repository", item["reason"]) for item in left_out["items"]])
    if (more := left_out["total"] - len(left_out["items"])) > 0:
        say(f"and {more} more")


def _of(allowed: int | None) -> str:
    return "" if allowed is None else f" of {allowed}"


COMMAND = Command("status", REPOSITORIES, "Show the daemon and its repositories", build_parser, run)
