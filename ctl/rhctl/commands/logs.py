"""`rhctl logs`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque

from rhctl.client import DaemonClient, come_back, is_running, output_descriptor
from rhctl.command import DAEMON, Command
from rhctl.errors import DaemonHangs, NoDaemon, UsageError
from rhctl.options import choice, make_parser, parse_since
from rhctl.rendering import say, say_json
from rhctl.terminal import BAD, QUIET, WARN, clock, is_terminal, paint
from rhwire.escape import escape
from rhwire.home import Home
from rhwire.lock import ask_lock
from rhwire.log_lines import LEVELS, parse_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser

DEFAULT_COUNT, MAX_COUNT = 50, 1000
TAIL_BYTES = 1 << 20
_MEANINGS = {"debug": QUIET, "warning": WARN, "error": BAD, "critical": BAD}


def build_parser() -> Parser:
    """Return the parser of `rhctl logs`."""
    parser = make_parser(
        "logs",
        "Show what the daemon has logged, oldest first: from its memory, or, while no daemon answers, from the file or "
        "the journal that it logs to. No content of any artifact and no secret is in it.",
        "rhctl logs --level warning --since 2h",
        starts=False,
        streams=True,
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what is logged, until interrupted")
    parser.add_argument("-n", "--count", type=int, metavar="N", help="how many of the newest (default: 50)")
    parser.add_argument(
        "--level",
        type=choice("level", tuple(LEVELS)),
        metavar="LEVEL",
        help="only this level and those above: debug, info, warning, error (default: debug)",
    )
    parser.add_argument("--since", metavar="WHEN", help="only from then on: 30m, 2h, 7d, or 2026-11-22T10:00:00Z")
    return parser


def run(args: Any) -> int:
    """Show what the daemon has logged."""
    count = DEFAULT_COUNT if args.count is None else args.count
    if not 0 <= count <= MAX_COUNT:
        raise UsageError(f"-n takes a number from 0 to {MAX_COUNT}", next_step="See: rhctl logs --help")
    home, params = Home.find(args.home), {"level": args.level, "since": parse_since(args.since)}
    answer = _ask(home, {**params, "count": count}) or _read(home, count, **params)
    if args.json and not args.follow:
        say_json({"source": answer["source"], "lines": answer["lines"]})
        return 0
    show = say_json if args.json else show_line
    for line in answer["lines"]:
        show(line)
    if args.follow:
        _follow(home, params, answer, show)
    if not answer["lines"]:
        say("nothing is logged that matches" if any(params.values()) else "nothing is logged yet")
    return 0


def show_line(line: dict[str, Any]) -> None:
    """Print one line for a person, at once."""
    at = "" if line["at"] is None else (clock(line["at"]) if is_terminal() else line["at"]) + " "
    level, logger = line["level"], line["logger"] or "-"
    text = f"{level.upper():<7} {logger} {escape(line['message'])}"
    trace = f" {escape(line['trace'])}" if line.get("trace") else ""
    say(f"{paint(at, QUIET)}{paint(text + trace, _MEANINGS.get(level))}")
    sys.stdout.flush()


def _ask(home: Home, params: dict[str, Any]) -> dict[str, Any] | None:
    """Return the newest lines that the daemon keeps; None if none answers."""
    if not is_running(home):
        return None
    try:
        with DaemonClient.connect(home).greet() as client:
            return {"source": "daemon", **client.call("logs", params)}
    except (NoDaemon, DaemonHangs):
        return None


def _read(home: Home, count: int, *, level: str | None, since: str | None) -> dict[str, Any]:
    """Return the newest lines of the journal, where the service logs to it, else of the log file."""
    from rhctl.managers.detection import find_service

    manager = find_service(home)
    is_journal = manager is not None and manager.name == "systemd"
    source, texts = ("journal", _read_journal()) if is_journal else ("file", _read_file(home.log))
    lines = [
        line
        for line in map(parse_line, texts)
        if LEVELS.get(line["level"], 50) >= LEVELS.get(level or "debug", 0)
        and (since is None or (line["at"] is not None and line["at"] >= since))
    ]
    return {"source": source, "lines": lines[max(0, len(lines) - count) :], "last": None, "pid": None}


def _read_journal() -> list[str]:
    command = ["journalctl", "--user", "--unit", "rhd", "--output", "cat", "--no-pager", "--lines", str(MAX_COUNT)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.decode("utf-8", "replace").splitlines()


def _read_file(path: str) -> list[str]:
    """Return the newest lines of a log file and the one before it, `TAIL_BYTES` of each at most."""
    texts: deque[str] = deque(maxlen=MAX_COUNT)
    for each in (path + ".1", path):
        try:
            with open(each, "rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                stream.seek(max(0, size - TAIL_BYTES))
                lines = stream.read(TAIL_BYTES).decode("utf-8", "replace").split("\n")
        except OSError:
            continue
        texts.extend(line for line in lines[size > TAIL_BYTES :] if line)
    return list(texts)


def _follow(home: Home, params: dict[str, Any], answer: dict[str, Any], show: Any) -> None:
    """Show what is logged after an answer until interrupted, across restarts of the daemon."""
    known = {"after": answer["last"], "pid": answer["pid"]}
    output = output_descriptor()

    def tell(line: dict[str, Any]) -> None:
        known["after"], known["pid"] = line.pop("number"), line.pop("pid")
        show(line)

    left: int | None = None
    while True:
        with come_back(home, left, output=output) as client:
            left = ask_lock(home.lock)
            try:
                request = {**params, **known, "follow": True, "count": MAX_COUNT}
                client.call("logs", request, on_event=tell, output=output)
            except NoDaemon:  # it has ended, or would not wait for a reader who paused
                pass


COMMAND = Command("logs", DAEMON, "Show what the daemon has logged; with -f follow it", build_parser, run)
