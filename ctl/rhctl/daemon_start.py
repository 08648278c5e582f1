"""Starts a detached `rhd` with a clean environment, and waits until a daemon serves."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from rhctl.client import DaemonClient
from rhctl.errors import DaemonHangs, NoDaemon
from rhctl.options import home_words
from rhwire.errors import HarnessError, code_of_write
from rhwire.home import Home, HomeUnusable
from rhwire.lock import ask_lock
from rhwire.log_lines import parse_line
from rhwire.start_report import read_report

WITHIN_S = 30.0
MAX_LOG_BYTES = 1 << 20
# What a daemon may know of the shell that happened to start it: no tokens, no session of a terminal or an agent.
_KEPT = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER", "XDG_RUNTIME_DIR")


def clean_environment() -> dict[str, str]:
    """Return the environment of a detached daemon."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "PYTHONPATH": path} if (path := import_path()) else kept


def import_path() -> str:
    """Return PYTHONPATH if this client itself was found through it (a checkout that is not installed), else nothing."""
    path = os.environ.get("PYTHONPATH", "")
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return path if here in map(os.path.abspath, filter(None, path.split(os.pathsep))) else ""


def daemon_program() -> list[str]:
    """Return the command that runs the daemon of this very installation; nothing is imported from where it runs."""
    return [sys.executable, "-P", "-m", "rhd"]


def daemon_command(home: Home) -> list[str]:
    """Return the command line of a daemon for `home`."""
    command = daemon_program()
    return command if home.is_default else [*command, "--home", home.base]


def start_detached(home: Home) -> DaemonClient:
    """Start a detached daemon for `home` and return a connection to it, once it serves.

    If another one is starting or ending at this moment, that one is waited for first.

    Raises:
        NoDaemon: it did not come up; the message is its own last words.
    """
    home.prepare()
    began, until = time.time(), time.monotonic() + WITHIN_S
    while ask_lock(home.lock) is not None and time.monotonic() < until:
        try:
            return DaemonClient.connect(home).greet()
        except NoDaemon:
            time.sleep(0.02)
    if (refused := read_report(home, since=began)) is not None:
        raise _not_started(home, refused)
    log = _open_log(home)
    try:
        process = subprocess.Popen(
            daemon_command(home),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=clean_environment(),
            cwd="/",
            start_new_session=True,
            close_fds=True,
        )
    finally:
        os.close(log)
    return wait_for_daemon(home, process, began=began)


def wait_for_daemon(home: Home, process: subprocess.Popen[bytes] | None, *, began: float | None = None) -> DaemonClient:
    """Return a connection as soon as a daemon serves `home`.

    Args:
        process: the daemon that was started, to notice that it ended; another one may have won the race.
        began: when it was started, in seconds since the epoch (default: now).

    Raises:
        NoDaemon: none did in time, or its start was refused; then with the code of the reason.
    """
    began = time.time() if began is None else began
    until, is_over = time.monotonic() + WITHIN_S, False
    while time.monotonic() < until:
        try:
            return DaemonClient.connect(home).greet()
        except (NoDaemon, DaemonHangs):  # it listens before it serves
            pass
        if process is not None and process.poll() not in (None, 0):
            process, is_over = None, True
        # Several clients may each have started one. Those that came too late end at once; that one of the others
        # holds the lock means that it is about to serve, or to be refused for a reason that it records.
        if is_over and ask_lock(home.lock) is None:
            raise _not_started(home, read_report(home, since=began))
        time.sleep(0.02)
    raise NoDaemon("the daemon did not start in time", next_step=f"What it says: {home.log}")


def _open_log(home: Home) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        log = os.open(home.log, flags, 0o600)
        if os.fstat(log).st_size > MAX_LOG_BYTES:
            os.close(log)
            os.replace(home.log, home.log + ".1")
            log = os.open(home.log, flags, 0o600)
    except OSError as error:
        code = code_of_write(error, HomeUnusable.code)
        raise HomeUnusable(f"cannot write {home.log}: {error.strerror}", code=code) from error
    return log


def _not_started(home: Home, refused: HarnessError | None) -> NoDaemon:
    """Return why a daemon of ours ended, and what to do.

    Args:
        refused: the reason that it recorded; without one, the last line of its log is shown.
    """
    if refused is None:
        return NoDaemon(f"the daemon did not start: {_last_words(home)}", next_step=f"What it says: {home.log}")
    next_step = refused.next_step
    if refused.code == "PORT_IN_USE":  # the command that was typed has no --port
        port = 8767 if (refused.details or {}).get("port") == 8766 else 8766
        next_step = f"Stop it, or choose another port: rhctl service start{home_words(home)} --port {port}"
    return NoDaemon(f"the daemon did not start: {refused.message}", code=refused.code, next_step=next_step)


def _last_words(home: Home) -> str:
    """Return the last line of the log."""
    try:
        with open(home.log, "rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - 4096))
            lines = stream.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        lines = []
    return parse_line(lines[-1])["message"] if lines else "it said nothing"
