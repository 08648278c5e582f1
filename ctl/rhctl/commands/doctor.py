"""`rhctl doctor`."""

from __future__ import annotations

from rhctl.client import DaemonClient, is_running
from rhctl.command import DAEMON, Command
from rhctl.errors import DaemonHangs, NoDaemon
from rhctl.options import add_repo, make_parser, repo_params
from rhctl.rendering import say, say_json
from rhwire.errors import HarnessError
from rhwire.escape import escape
from rhwire.findings import ERROR, OK, WARNING
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


WARNED, FAILED = 10, 11
WITHIN_S = 60.0
_MARKS = {OK: "ok  ", WARNING: "warn", ERROR: "FAIL"}


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
    return parser


def run(args: Any) -> int:
    """Examine the installation and its repositories; starts nothing."""
    home = Home.find(args.home)
    findings, hangs = None, None
    if is_running(home):
        try:
            with DaemonClient.connect(home) as client:
                findings = client.call("doctor", repo_params(args.repo, around=False))["findings"]
        except NoDaemon:
            pass  # it is ending
        except DaemonHangs as error:
            hangs = error
    if findings is None:
        findings = examine_from_outside(home, hangs)
    if args.json:
        say_json({"findings": findings})
    else:
        show(findings)
    statuses = {finding["status"] for finding in findings}
    return FAILED if ERROR in statuses else WARNED if WARNING in statuses else 0


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
    finding = {"check": "daemon", "status": ERROR, "message": hangs.message, "next_step": hangs.next_step}
    hung = {**finding, "cause": "it has sent nothing for 10 seconds", "repo": None}
    return [hung if each["check"] == "daemon" else each for each in findings]


def show(findings: list[dict[str, Any]]) -> None:
    """Print findings for a person, grouped by repository."""
    width = max((len(f["check"]) for f in findings), default=0)
    last: str | None = ""
    for finding in findings:
        if finding["repo"] != last:
            last = finding["repo"]
            say(escape(last) if last else "installation")
        say(f"  {_MARKS[finding['status']]}  {finding['check']:<{width}}  {escape(finding['message'])}")
        for part, word in (("cause", "because"), ("next_step", "next")):
            if finding[part] and (finding["status"] != OK or part == "next_step"):
                say(f"        {'':<{width}}{word}: {escape(finding[part])}")


COMMAND = Command("doctor", DAEMON, "Check the installation and the repositories", build_parser, run)
