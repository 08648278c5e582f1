"""`rhctl config`."""

from __future__ import annotations

from rhctl.client import DaemonClient, is_running
from rhctl.command import DAEMON, Command
from rhctl.errors import DaemonHangs, NoDaemon, UsageError
from rhctl.options import choice, make_parser
from rhctl.rendering import say, say_hint, say_json, say_table
from rhctl.terminal import BAD, QUIET, WARN, paint
from rhwire.escape import escape
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser
    from rhctl.rendering import Cell

ACTIONS = ("show", "set", "unset")
RESTART = "rhctl service restart"


def build_parser() -> Parser:
    """Return the parser of `rhctl config`."""
    parser = make_parser(
        "config",
        "Show the daemon's settings and where each value comes from, or record one in the settings file, whose "
        "comments and layout stay as they are. Works with the daemon up or down, and starts none.",
        "rhctl config set log_level debug",
        starts=False,
    )
    parser.add_argument("action", type=choice("action", ACTIONS), metavar="ACTION", help=", ".join(ACTIONS))
    parser.add_argument("key", nargs="?", metavar="KEY", help="a setting; show lists all of them if left out")
    parser.add_argument("value", nargs="?", metavar="VALUE", help="with set: the value; a list with commas")
    return parser


def run(args: Any) -> int:
    """Show the settings, or change one."""
    action, key, value = args.action, args.key, args.value
    if (action != "show" and key is None) or (action == "set") != (value is not None):
        raise UsageError(
            {"show": "show takes at most a KEY", "set": "set needs a KEY and a VALUE"}.get(action, "unset needs a KEY"),
            next_step="Try: rhctl config show, rhctl config set KEY VALUE, rhctl config unset KEY",
        )
    if value is not None and not value.strip():
        raise UsageError(f"{key} is given no value", next_step=f"To take it out: rhctl config unset {key}")
    answer = ask_config(Home.find(args.home), action, key if action != "show" else None, value)
    if key is not None and action != "unset":
        _check_known(key, answer)
    if args.json:
        say_json(answer)
    elif action == "show":
        show(answer, key)
    else:
        show_change(answer, key, is_set=action == "set")
    return 0


def ask_config(home: Home, action: str, key: str | None, value: str | None) -> dict[str, Any]:
    """Ask the daemon, or where none answers the daemon's own program, for the settings; change one first.

    Raises:
        HarnessError: CONFIG_INVALID, and the other refusals of the daemon.
    """
    state = "down"
    if is_running(home):
        try:
            with DaemonClient.connect(home).greet() as client:
                answer: dict[str, Any] = client.call("config", {"action": action, "key": key, "value": value})
                return answer
        except NoDaemon:
            pass
        except DaemonHangs:
            state = "hangs"
    from rhctl.client_settings import ask_settings

    if key is not None and "=" in key:
        raise UsageError(f"there is no setting {key!r}", next_step="List them with: rhctl config show")
    answer = ask_settings(home, None if action == "show" else f"{key}={value or ''}")
    for entry in answer["settings"].values():
        entry["pending"] = None
    return {"daemon": state, **answer, "problem": None}


def _check_known(key: str, answer: dict[str, Any]) -> None:
    if key not in answer["settings"]:
        known = ", ".join(answer["settings"])
        raise UsageError(f"there is no setting {key!r}", next_step=f"Known settings: {known}")


def show(answer: dict[str, Any], key: str | None) -> None:
    """Print the settings, or one, for a person."""
    names = [key] if key is not None else list(answer["settings"])
    say_table(("SETTING", "VALUE", "FROM"), [_row(name, answer["settings"][name]) for name in names], {"VALUE": 20})
    pending = [name for name in names if answer["settings"][name]["pending"] is not None]
    for name in pending:
        later = answer["settings"][name]["pending"]
        say(paint(f"{name} will be {escape(_text(later['value']))} ({later['origin']}) after: {RESTART}", WARN))
    if key is None:
        say()
        for name in ("config", "database", "logs"):
            say(f"{paint(name.ljust(8), QUIET)}  {escape(answer[name])}")
        if answer["daemon"] != "up":
            say("No daemon answers; these are the settings that one would start with.")
    _show_problem(answer)


def show_change(answer: dict[str, Any], key: str, *, is_set: bool) -> None:
    """Print what was changed, and whether it is in force, for a person."""
    done = "recorded" if is_set else "no longer set"
    say(f"{escape(key)} is {done} in {escape(answer['config'])}")
    if (entry := answer["settings"].get(key)) is not None:
        say(f"  {_when(answer['daemon'], entry, is_set=is_set)}")
    _show_problem(answer)


def _when(daemon: str, entry: dict[str, Any], *, is_set: bool) -> str:
    """Return which value is in force, and when another one will be."""
    value, later = escape(_text(entry["value"])), entry["pending"]
    if later is not None:
        return f"It is still {value}. To put {escape(_text(later['value']))} in force: {RESTART}"
    if is_set and entry["origin"] != "file":
        return f"{value} stays in force: the {entry['origin']} wins over the file"
    when = {"up": "in force", "down": "in force at the next start", "hangs": f"in force after: {RESTART}"}
    return f"{value} ({entry['origin']}), {when[daemon]}"


def _show_problem(answer: dict[str, Any]) -> None:
    if answer["problem"] is not None:
        say(paint(f"The settings file cannot be used: {escape(answer['problem']['message'])}", BAD))
        say_hint(answer["problem"]["next_step"])


def _row(name: str, entry: dict[str, Any]) -> tuple[Cell, ...]:
    origin = entry["origin"]
    return name, _text(entry["value"]), (origin, QUIET if origin == "default" else None)


def _text(value: Any) -> str:
    if value is None or value == []:
        return "-"
    return ", ".join(value) if isinstance(value, list) else str(value)


COMMAND = Command("config", DAEMON, "Show or change the daemon's settings", build_parser, run)
