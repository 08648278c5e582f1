"""`rhctl doctor`."""

from __future__ import annotations

from rhctl.client import DaemonClient, is_running
from rhctl.command import DAEMON, Command
from rhctl.errors import DaemonHangs, NoDaemon
from rhctl.options import add_repo, make_parser, repo_params
from rhctl.rendering import count, say, say_json, say_summary
from rhctl.terminal import BAD, GOOD, QUIET, STRONG, WARN, paint, wrap
from rhwire.errors import HarnessError
from rhwire.escape import escape
from rhwire.findings import ERROR, OK, WARNING, Finding
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


WARNED, FAILED = 10, 11
WITHIN_S = 60.0
_MARKS = {OK: ("ok  ", GOOD), WARNING: ("warn", WARN), ERROR: ("FAIL", BAD)}


def build_parser() -> Parser:
    """Return the parser of `rhctl doctor`."""
    parser = make_parser(
        "doctor",
        "Examine the installation and its repositories: what was found, why, and what to do. Works with the daemon "
        "down. Exit code 10 with warnings, 11 with errors.",
        "rhctl doctor project",
        starts=False,
    )
    add_repo(parser, about="slug or path; everything if left out")
    parser.add_argument(
        "--live",
        action="store_true",
        help="log in and call a tool as a client would, through the public endpoint if one is recorded, and remove it",
    )
    return parser


def run(args: Any) -> int:
    """Examine the installation and its repositories; starts nothing."""
    home = Home.find(args.home)
    if args.live:
        from rhctl.live_login import check_live

        return check_live(home, repo_params(args.repo, around=False), as_json=args.json)
    answer, hangs = None, None
    if is_running(home):
        try:
            with DaemonClient.connect(home) as client:
                answer = client.call("doctor", repo_params(args.repo, around=False))
        except NoDaemon:
            pass  # it is ending
        except DaemonHangs as error:
            hangs = error
    findings = examine_from_outside(home, hangs) if answer is None else answer["findings"]
    if args.repo is None:
        findings = _with_own(findings, home, answer)
    if args.json:
        say_json({"findings": findings})
    else:
        show(findings)
    statuses = {finding["status"] for finding in findings}
    return FAILED if ERROR in statuses else WARNED if WARNING in statuses else 0


def _with_own(findings: list[dict[str, Any]], home: Home, answer: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the findings with what this client finds, before those about repositories."""
    from rhctl.examination import examine_client_files, examine_service, examine_way

    own = [*examine_service(home), *examine_client_files(None)]
    if answer is not None:
        own += examine_way(answer["url"], answer["public_url"])
    mine = [finding.to_json(home.client()) for finding in own]
    return [
        *(each for each in findings if each["repo"] is None),
        *mine,
        *(each for each in findings if each["repo"] is not None),
    ]


def examine_from_outside(home: Home, hangs: DaemonHangs | None = None) -> list[dict[str, Any]]:
    """Return the findings of a daemon that only examines and ends.

    Args:
        hangs: what the daemon that has the lock was found to do.
    """
    import json
    import subprocess

    from rhctl.daemon_start import daemon_command

    # Elsewhere, since Python looks for modules where it is started: the current folder may be a stranger's checkout.
    try:
        done = subprocess.run(
            [*daemon_command(home), "--doctor"], cwd="/", capture_output=True, timeout=WITHIN_S, check=False
        )
        findings: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    except subprocess.TimeoutExpired:
        raise HarnessError(
            "the installation could not be examined in time",
            code="TIMEOUT",
            next_step="Look whether the disk that holds the home answers.",
        ) from None
    except (ValueError, KeyError):
        words = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise NoDaemon(
            f"the installation cannot be examined: {words[-1] if words else 'it said nothing'}",
            next_step="Install repo-harness again.",
        ) from None
    if hangs is None:
        return findings
    hung = Finding("daemon.hangs", message=hangs.message, next_step=hangs.next_step).to_json(home.client())
    return [hung if each["check"] == "daemon" else each for each in findings]


def show(findings: list[dict[str, Any]]) -> None:
    """Print findings for a person, grouped by repository; of what is fine only the line."""
    width = max((len(f["check"]) for f in findings), default=0)
    indent = width + 8
    last: str | None = ""
    for finding in findings:
        if finding["repo"] != last:
            last = finding["repo"]
            say(paint(escape(last) if last else "installation", STRONG))
        mark, meaning = _MARKS[finding["status"]]
        head = f"  {paint(mark, meaning)}  {finding['check']:<{width}}  "
        say(head + wrap(finding["message"], indent).lstrip())
        for part, word in (("cause", "because"), ("next_step", "next")):
            if finding[part] and (finding["status"] != OK or part == "next_step"):
                say(f"{' ' * indent}{paint(word, QUIET)}: {escape(finding[part])}")
    wrong = [sum(f["status"] == status for f in findings) for status in (ERROR, WARNING)]
    say_summary(count(wrong[0], "error"), count(wrong[1], "warning"), f"{len(findings) - sum(wrong)} fine")


COMMAND = Command("doctor", DAEMON, "Check the installation and the repositories", build_parser, run)
