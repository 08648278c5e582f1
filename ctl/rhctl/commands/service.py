"""`rhctl service`."""

from __future__ import annotations

import argparse
import json
import os

from rhctl.command import DAEMON, Command
from rhctl.errors import UsageError
from rhctl.home_in_commands import name_home
from rhctl.managers import actions, steps
from rhctl.managers.actions import Subject
from rhctl.managers.description import describe
from rhctl.options import choice, make_parser
from rhctl.rendering import say, say_json
from rhwire.errors import HarnessError
from rhwire.escape import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.managers.steps import Step
    from rhctl.managers.unit_files import Spec
    from rhctl.options import Parser


ACTIONS = ("install", "uninstall", "start", "stop", "restart", "status")
STARTING = ("install", "start", "restart")
ABOUT = """\
Keep the daemon running as a service of yours: a systemd user service, or a
launchd agent. Its sockets outlive it, so that a restart loses nothing.
Everything can be repeated without harm.

  install    write its files, enable and start it; a daemon that runs is drained
  uninstall  stop it and remove its files; your data stays
  start      start it; where none is installed, a detached daemon
  stop       stop whatever serves the home, sockets included
  restart    let a new daemon take over, on the port that the settings name
  status     what is installed, what runs, what to do next"""


def build_parser() -> Parser:
    """Return the parser of `rhctl service`."""
    parser = make_parser("service", ABOUT, "rhctl service install --dry-run", starts=False)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter  # a table is no paragraph
    parser.add_argument("action", type=choice("action", ACTIONS), metavar="ACTION", help=", ".join(ACTIONS))
    parser.add_argument("--port", type=int, metavar="PORT", help="the HTTP port from now on; recorded in the settings")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be written and run")
    return parser


def run(args: Any) -> int:
    """Keep the daemon as a service of this user."""
    if args.port is not None and args.action not in STARTING:
        raise UsageError(f"--port means nothing to {args.action}", next_step="See: rhctl service --help")
    if args.port is not None and not 1 <= args.port <= 65535:
        raise UsageError(f"{args.port} is no port", next_step="Use a port from 1 to 65535.")
    subject = actions.find_subject(args.home)
    if args.action == "status":
        answer = describe(subject)
        (say_json if args.json else show_status)(answer)
        return 0
    service, plan = make_plan(subject, args.action, args.port, is_dry=args.dry_run)
    answer = act(subject, args.action, service, plan, is_dry=args.dry_run)
    if args.json:
        say_json(answer)
    else:
        show(answer, plan)
    return 0


# Acting.


def make_plan(
    subject: Subject, action: str, port: int | None, *, is_dry: bool = False
) -> tuple[Spec | None, list[Step]]:
    """Return the service that an action leaves behind, or that it is about, and the steps that it takes."""
    match action:
        case "install":
            return actions.plan_install(subject, port, is_dry=is_dry)
        case "uninstall":
            return subject.service, actions.plan_uninstall(subject)
        case "stop":
            return subject.service, actions.plan_stop(subject)
        case "start":
            return subject.service, actions.plan_start(subject, port)
    return subject.service, actions.plan_restart(subject, port)


def act(subject: Subject, action: str, service: Spec | None, plan: list[Step], *, is_dry: bool) -> dict[str, Any]:
    """Carry a plan out unless it is dry, and return what there is to say of it."""
    kept = _kept(subject) if action in ("stop", "uninstall") else None
    if not is_dry:
        actions.carry_out(subject, plan)
    is_up = action in STARTING and not is_dry
    daemon = _ask_daemon(subject, service) if is_up else None
    return {
        "action": action,
        "dry_run": is_dry,
        "manager": subject.manager.name if service is not None else None,
        "home": subject.home.base,
        "steps": [steps.to_json(step) for step in plan],
        "pid": daemon["pid"] if daemon else None,
        "url": daemon["url"] if daemon else service.url if service else None,
        "files": list(subject.manager.files) if service is not None else [],
        "log": subject.manager.log_command() if service is not None else f"tail -f {subject.home.log}",
        "kept": kept,
        "notes": _notes(subject, action, plan, service.path if service else None),
    }


def _ask_daemon(subject: Subject, service: Spec | None) -> dict[str, Any]:
    try:
        return actions.ask_daemon(subject.home)
    except HarnessError as error:
        if service is None:
            raise
        raise actions.explain(subject.manager, error.message) from error


def _kept(subject: Subject) -> dict[str, str | None]:
    """Return where the files are that stay; null for those that do not exist or are empty."""
    kept: dict[str, str | None] = {"home": subject.home.base, "config": None, "database": None, "logs": None}
    try:
        with open(subject.home.record, encoding="utf-8") as stream:
            kept |= {name: str(place) for name, place in json.load(stream).items() if name in kept}
    except (OSError, ValueError, AttributeError):
        pass
    return {name: place if place and _holds_something(place) else None for name, place in kept.items()}


def _holds_something(place: str) -> bool:
    try:
        return bool(os.listdir(place))
    except NotADirectoryError:
        return True
    except OSError:
        return False


def _notes(subject: Subject, action: str, plan: list[Step], path: str | None) -> list[str]:
    notes = []
    if action == "install":
        if (unreachable := actions.find_unreachable(subject.manager)) is not None:
            notes.append(f"this only shows the files; they cannot be installed here: {unreachable.message}")
            notes += [unreachable.next_step] if unreachable.next_step else []
        if subject.manager.lingers() is False:
            notes.append(
                "it ends with your last session and starts with the next; to have it run from boot on: "
                "loginctl enable-linger"
            )
        missing = actions.missing_programs(path or "")
        if "git" in missing:
            notes.append("there is no git on this PATH, which the service keeps; install git, then install again")
    if action == "start" and plan and path is None:
        notes.append("this daemon lives until the machine restarts" + _offer(subject))
    return notes


def _offer(subject: Subject) -> str:
    """Return how the daemon could be kept running, if that is possible here."""
    try:
        subject.manager.check()
    except HarnessError:
        return ""
    return "; to have it kept: rhctl service install" if subject.installed is None else ""


def show(answer: dict[str, Any], plan: list[Step]) -> None:
    """Print what was done, or would be, for a person."""
    if answer["dry_run"]:
        for step in plan:
            say(steps.describe(step))
        if not plan:
            say("there is nothing to do")
    else:
        _show_done(answer)
    for note in answer["notes"]:
        say(f"note: {note}")


def _show_done(answer: dict[str, Any]) -> None:
    say(_headline(answer))
    if answer["pid"]:
        say(f"  url    {answer['url']}/mcp")
        if answer["action"] == "install":
            say(f"  files  {escape(os.path.dirname(answer['files'][0]))}")
        say(f"  log    {escape(answer['log'])}")
    if answer["kept"] and any(answer["kept"].values()):
        say("Your data stays:")
        for name, place in answer["kept"].items():
            if place:
                say(f"  {name:<8} {escape(place)}")


def _headline(answer: dict[str, Any]) -> str:
    what = f"the {answer['manager']} service" if answer["manager"] else "the detached daemon"
    has_done = bool(answer["steps"])
    match answer["action"]:
        case "install":
            state = "is installed and runs" if has_done else "is installed and runs already"
            return f"{what} {state} (process {answer['pid']})"
        case "uninstall":
            return f"{what} is uninstalled" if has_done else "no service is installed"
        case "stop":
            return f"{what} has stopped" if has_done else "no daemon is running"
        case "start":
            return f"{what} runs{'' if has_done else ' already'} (process {answer['pid']})"
    return f"{what} has restarted (process {answer['pid']})"


# Status.


def show_status(found: dict[str, Any]) -> None:
    """Print a status for a person."""
    for name, value in _lines(found):
        say(f"{name:<8} {escape(value)}")
    if found["next_step"]:
        say(f"next     {escape(name_home(found['next_step']))}")


def _lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    pid = found["pid"]
    if found["installed"]:
        enabled = "" if found["enabled"] is None else ", enabled" if found["enabled"] else ", not enabled"
        lines = [("service", f"installed in {os.path.dirname(found['files'][0])}{enabled}")]
        if found["service"] is not None:
            lines.append(("state", f"{found['service']}, its sockets {found['sockets']}"))
    elif found["installed_home"]:
        lines = [("service", f"installed for another home: {found['installed_home']}")]
    elif found["manager"] is None:
        lines = [("service", "not installed; no service manager can be reached here")]
    else:
        lines = [("service", f"not installed ({found['manager']} is there)")]
    if pid is None:
        lines.append(("daemon", "none is running"))
    else:
        kind = "the service's" if found["is_service"] else "not the service's" if found["installed"] else "detached"
        lines.append(("daemon", f"process {pid}, {kind}"))
    lines.append(("home", found["home"]))
    if found["url"]:
        lines.append(("url", f"{found['url']}/mcp"))
    lines.append(("log", found["log"]))
    if found["installed"] and found["lingers"] is not None:
        lines.append(("lingers", "yes" if found["lingers"] else "no: it ends with your last session"))
    if found["problem"]:
        lines.append(("problem", found["problem"]))
    return lines


COMMAND = Command("service", DAEMON, "Install, start or stop the daemon as a service", build_parser, run)
