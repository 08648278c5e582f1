"""`rhctl status`."""

from __future__ import annotations

from rhctl.client import DaemonClient
from rhctl.command import REPOSITORIES, Command
from rhctl.errors import DaemonHangs, NoDaemon
from rhctl.options import add_repo, make_parser, repo_params
from rhctl.rendering import count, runs_line, say, say_facts, say_hint, say_json, say_summary, say_table
from rhctl.terminal import BAD, GOOD, STRONG, WARN, age, duration, paint, wrap
from rhwire.escape import escape
from rhwire.home import Home
from rhwire.lock import ask_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser
    from rhctl.rendering import Cell

TITLES = ("REPO", "STATE", "BRANCH", "SPRINT", "CARDS", "PROFILES", "CLIENTS", "CHANGED")
CUT = {"REPO": 12, "BRANCH": 6, "SPRINT": 10, "PROFILES": 8}
STATES = {"ok": GOOD, "opening": None, "degraded": WARN, "detached": BAD, "broken": BAD}


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
        show(answer, is_one=args.repo is not None)
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
        say_hint(error.next_step)
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
        say_hint(error.next_step)
    return error.exit_code


def show(answer: dict[str, Any], *, is_one: bool = False) -> None:
    """Print a status for a person.

    Args:
        is_one: one repository was asked for, and is described in full.
    """
    daemon, repos = answer["daemon"], answer["repos"]
    _show_daemon(daemon)
    if not repos:
        say()
        say("no repository is adopted")
        say_hint("Adopt one with: rhctl adopt PATH")
        return
    if is_one:
        for repo in repos:
            _show_repo(repo)
    else:
        say()
        say_table(TITLES, [_row(repo) for repo in repos], CUT)
    for repo in repos:
        _show_work(repo)
        if is_one and repo["left_out"] and repo["left_out"]["total"] > 1:
            say_left_out(repo["left_out"])
    if is_one:
        return
    problems = sum(repo["problem"] is not None for repo in repos)
    runs = sum(repo["active_run"] is not None for repo in repos)
    parts = [count(len(repos), "repository", "repositories"), count(daemon["clients"], "client")]
    parts += [f"{count(runs, 'agent run')} going on"] if runs else []
    parts += [f"{problems} with a problem"] if problems else []
    say_summary(*parts)


def say_left_out(left_out: dict[str, Any]) -> None:
    """Print what a repository holds and clients are not shown; its paths are escaped already."""
    say()
    rows = [(item["path"] or "the repository", item["reason"]) for item in left_out["items"]]
    say_table(("LEFT OUT", "WHY"), rows, {"LEFT OUT": 16, "WHY": 16})
    if (more := left_out["total"] - len(left_out["items"])) > 0:
        say(f"and {more} more")


def _show_daemon(daemon: dict[str, Any]) -> None:
    day = daemon["last_day"]
    wrong, new = count(day["wrong_passphrases"], "wrong passphrase"), count(day["new_clients"], "new client")
    public = f"{daemon['public_url']}/mcp" if daemon["public_url"] else "none recorded (rhctl endpoint URL)"
    say(f"{paint('rhd', STRONG)} {daemon['version']}  pid {daemon['pid']}  up {duration(daemon['uptime_s'])}")
    say_facts(
        [
            ("address", f"{daemon['url']}/mcp"),
            ("public", public),
            ("last 24 h", (f"{wrong}, {new}", WARN if day["wrong_passphrases"] else None)),
        ]
    )


def _row(repo: dict[str, Any]) -> tuple[Cell, ...]:
    sprint, last = repo["sprint"], repo["last_change"]
    return (
        repo["slug"],
        (f"{repo['state']}{' (polled)' if repo['watch'] == 'poll' else ''}", STATES[repo["state"]]),
        repo["branch"] or "-",
        _title(sprint) or "-",
        _cards(sprint),
        ", ".join(repo["profiles"]) or "none",
        str(repo["clients"]),
        age(last["at"]) if last else "-",
    )


def _show_repo(repo: dict[str, Any]) -> None:
    sprint, last = repo["sprint"], repo["last_change"]
    say()
    say(f"{paint(repo['slug'], STRONG)}  {paint(repo['state'], STATES[repo['state']])}  {escape(repo['path'])}")
    facts: list[tuple[str, Cell]] = [("branch", repo["branch"] or "-"), ("sprint", _title(sprint) or "none is active")]
    if sprint:
        facts.append(("", sprint["path"]))
        facts.append(("progress", f"{_cards(sprint)} cards done ({sprint['status'] or 'no status'})"))
    facts.append(("profiles", ", ".join(repo["profiles"]) or "none"))
    facts.append(("clients", str(repo["clients"])))
    facts.append(("watched by", repo["watch"]))
    if last:
        facts.append(("last change", f"{last['path'] or 'the repository'} {last['change']}"))
        facts.append(("", f"{age(last['at'])} ({last['via']})"))
    say_facts(facts, indent=2)


def _show_work(repo: dict[str, Any]) -> None:
    """Print what stands in no column: agent runs, and what is wrong."""
    run, problem = repo["active_run"], repo["problem"]
    if repo["agent_runs"] or run:
        say()
    if repo["agent_runs"]:
        say(f"{repo['slug']}: {runs_line(repo['agent_runs'])}")
    if run:
        done = f", {_cards(run)} cards done" if run["cards"] else ""
        say(f"{repo['slug']}: {run['agent']} run {run['run_id']} {run['state']}, {age(run['queued_at'])}{done}")
        say_hint(f"Follow it with: rhctl run follow {run['run_id']}")
    if problem:
        say()
        say(paint(wrap(f"{repo['slug']}: {problem['message']} [{problem['code']}]"), STATES[repo["state"]]))
        say_hint(problem["next_step"])


def _title(sprint: dict[str, Any] | None) -> str | None:
    return sprint["title"].removeprefix("Sprint: ") if sprint else None


def _cards(about: dict[str, Any] | None) -> str:
    cards = about["cards"] if about else None
    return f"{cards['done']} of {cards['total']}" if cards else "-"


COMMAND = Command("status", REPOSITORIES, "Show the daemon and its repositories", build_parser, run)
