"""Plays `codex` and `claude` on PATH: replays recorded output, edits files, hangs, floods, forks, ignores signals.

Started as `python fake_agent.py NAME WORDS…`. What it does stands in the JSON file `$HOME/fake_agent.json`: a list of
steps, each `[verb, argument]`. What it was started with goes to `$HOME/fake_agent.log`, one JSON object a run.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

HOME = Path(os.environ["HOME"])
STREAMS = Path(__file__).parent / "agent_streams"


def checks(name: str, words: list[str]) -> bool:
    """Answer what is asked before a run; return whether that was it."""
    if words == ["--version"]:
        print(f"{name}-fake 1.0")
    elif words in (["login", "status"], ["auth", "status"]):
        sys.exit(1 if (HOME / f"{name}.logged-out").exists() else 0)
    else:
        return False
    return True


def emit(**event: object) -> None:
    """Print one event."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def fork_children(count: int) -> None:
    """Leave processes in sessions of their own that ignore SIGTERM, each the orphan of a parent that has ended."""
    for _ in range(count):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.setsid()
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                while True:
                    time.sleep(60)
            os._exit(0)


def act(verb: str, argument: object) -> None:
    """Carry one step out."""
    match verb:
        case "replay":
            sys.stdout.write((STREAMS / f"{argument}.jsonl").read_text())
            sys.stdout.flush()
        case "event":
            emit(**argument)  # type: ignore[arg-type]
        case "write":
            path, text = argument  # type: ignore[misc]
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text)
        case "tick":
            path = Path(str(argument))
            path.write_text(path.read_text().replace("- [ ]", "- [x]").replace("| [ ] |", "| [x] |"))
        case "input":
            emit(type="item.completed", item={"type": "agent_message", "text": sys.stdin.read()})
        case "environ":
            text = "\n".join(sorted(os.environ))
            emit(type="item.completed", item={"type": "agent_message", "text": text})
        case "sleep":
            time.sleep(float(str(argument)))
        case "ignore":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        case "fork":
            fork_children(int(str(argument)))
        case "flood":
            line = json.dumps({"type": "item.completed", "item": {"type": "agent_message", "text": "x" * 200}}) + "\n"
            block = line * 200
            while True:
                sys.stdout.write(block)
        case "long-line":
            sys.stdout.write("x" * int(str(argument)) + "\n")
            sys.stdout.flush()
        case "errors":
            sys.stderr.write(str(argument))
        case "exit":
            sys.stdout.flush()
            os._exit(int(str(argument)))
        case "kill":
            sys.stdout.flush()
            os.kill(os.getpid(), int(str(argument)))


def main() -> None:
    """Do what the file says."""
    name, *words = sys.argv[1:]
    if checks(name, words):
        return
    with open(HOME / "fake_agent.log", "a") as log:
        log.write(json.dumps({"name": name, "words": words, "cwd": os.getcwd(), "pid": os.getpid()}) + "\n")
    for verb, argument in json.loads((HOME / "fake_agent.json").read_text()):
        act(verb, argument)


if __name__ == "__main__":
    main()
