"""`rhctl runs`."""

from __future__ import annotations

from rhctl.command import REPOSITORIES, Command
from rhctl.daemon_access import open_client
from rhctl.options import add_repo, make_parser, repo_params
from rhctl.rendering import count, say, say_hint, say_json, say_summary, say_table
from rhctl.terminal import BAD, GOOD, WARN, age, duration
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser
    from rhctl.rendering import Cell

TITLES = ("RUN", "REPO", "AGENT", "STATE", "CARDS", "TOOK", "BEGUN", "CLIENT")
CUT = {"REPO": 8, "STATE": 10, "CLIENT": 8}
MEANINGS = {
    "running": GOOD,
    "done": GOOD,
    "failed": BAD,
    "timed_out": BAD,
    "stalled": BAD,
    "cancelled": WARN,
    "interrupted": WARN,
}


def build_parser() -> Parser:
    """Return the parser of `rhctl runs`."""
    parser = make_parser("runs", "List agent runs, the newest first.", "rhctl runs project")
    add_repo(parser, about="slug or path; all of them if left out")
    parser.add_argument("-n", "--count", type=int, metavar="N", help="how many (default: 20)")
    return parser


def run(args: Any) -> int:
    """List agent runs."""
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        answer = client.call("runs", {**repo_params(args.repo, around=False), "count": args.count})
    if args.json:
        say_json(answer)
    elif answer["runs"]:
        say_table(TITLES, [_row(each) for each in answer["runs"]], CUT)
        say_summary(count(len(answer["runs"]), "run"), "look at one with: rhctl run show RUN")
    else:
        say("no agent has been run yet")
        say_hint("Clients start runs with run_agent_goal, where you allow it: rhctl start --help")
    return 0


def _row(run: dict[str, Any]) -> tuple[Cell, ...]:
    state = f"{run['state']} ({run['reason']})" if run["reason"] else run["state"]
    took = duration(run["elapsed_ms"] / 1000) if run["started_at"] else "-"
    return (
        run["run_id"],
        run["repo"] or "-",
        run["agent"],
        (state, MEANINGS.get(run["state"])),
        cards(run),
        took,
        age(run["queued_at"]),
        run["client"],
    )


def cards(run: dict[str, Any]) -> str:
    """Return `1 of 3`, the task cards that are done."""
    return f"{run['cards']['done']} of {run['cards']['total']}" if run["cards"] else "-"


COMMAND = Command("runs", REPOSITORIES, "List agent runs", build_parser, run)
