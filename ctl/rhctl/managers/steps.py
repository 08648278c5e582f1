"""Steps: what an action on the service does, as data, so that a dry run shows exactly what a real one would do."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from rhctl.client_settings import ask_settings
from rhctl.daemon_start import start_detached
from rhctl.daemon_stop import end_daemon
from rhwire.errors import HarnessError, code_of_write
from rhwire.escape import escape
from rhwire.file_replacement import replace_file
from rhwire.home import Home, make_folders

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

RUN_WITHIN_S = 120.0


class Write(NamedTuple):
    """Write a file, replacing what is there."""

    path: str
    text: str


class Remove(NamedTuple):
    """Remove a file."""

    path: str


class Run(NamedTuple):
    """Run a command; `may_fail` if there may be nothing for it to do."""

    command: tuple[str, ...]
    may_fail: bool = False


class Record(NamedTuple):
    """Record a setting in the settings file."""

    home: Home
    name: str
    value: str


class End(NamedTuple):
    """Let the daemon that serves a home drain and end."""

    home: Home
    pid: int


class Detach(NamedTuple):
    """Start a detached daemon."""

    home: Home


Step = Write | Remove | Run | Record | End | Detach


def describe(step: Step) -> str:
    """Return the step for a person: a line, and below it what would be written."""
    match step:
        case Write(path, text):
            lines = [f"write {escape(path)}", *(f"    {escape(line)}" for line in text.expandtabs(2).splitlines())]
            return "\n".join(line.rstrip() for line in lines)
        case Remove(path):
            return f"remove {escape(path)}"
        case Run(command):
            return f"run {escape(' '.join(command))}"
        case Record(_, name, value):
            return f"record {name} = {value} in the settings file"
        case End(_, pid):
            return f"let process {pid} drain and end"
        case Detach(home):
            return f"start a detached daemon for {escape(home.base)}"


def to_json(step: Step) -> dict[str, Any]:
    """Return the step for a program: always the same keys."""
    out: dict[str, Any] = {"do": type(step).__name__.lower(), "path": None, "text": None, "command": None, "pid": None}
    match step:
        case Write(path, text):
            out |= {"path": path, "text": text}
        case Remove(path):
            out |= {"path": path}
        case Run(command):
            out |= {"command": list(command)}
        case Record(_, name, value):
            out |= {"text": f"{name} = {value}"}
        case End(_, pid):
            out |= {"pid": pid}
    return out


def perform(step: Step, environ: Mapping[str, str]) -> None:
    """Do it.

    Args:
        environ: what the service manager's commands need.

    Raises:
        HarnessError: it could not be done; SERVICE_FAILED where the service manager says so.
    """
    match step:
        case Write(path, text):
            _write(path, text)
        case Remove(path):
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass
            except OSError as error:
                raise _failed(f"cannot remove {path}: {error.strerror}") from error
        case Run(command, may_fail):
            _run(command, may_fail, environ)
        case Record(home, name, value):
            ask_settings(home, f"{name}={value}")
        case End(home):
            end_daemon(home)
        case Detach(home):
            start_detached(home).close()


def _write(path: str, text: str) -> None:
    try:
        make_folders(os.path.dirname(path))
        replace_file(path, text.encode(), mode=0o644)  # launchd requires that others cannot write it
    except OSError as error:
        failed = _failed(f"cannot write {path}: {error.strerror}")
        failed.code = code_of_write(error, failed.code)
        raise failed from error


def _run(command: tuple[str, ...], may_fail: bool, environ: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=RUN_WITHIN_S, env=environ, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(f"{command[0]} could not be run: {error}") from error
    if done.returncode and not may_fail:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
        raise _failed(f"{' '.join(command)}: {said[0] if said else f'it ended with {done.returncode}'}")


def _failed(message: str) -> HarnessError:
    return HarnessError(message, code="SERVICE_FAILED")
