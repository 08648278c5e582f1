"""Starts a detached `rhd` with a clean environment, and waits until a daemon serves."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from rhctl.client import DaemonClient
from rhctl.errors import NoDaemon
from rhctl.options import home_words
from rhwire.codes import CODES
from rhwire.errors import code_of_write
from rhwire.home import Home, HomeUnusable
from rhwire.lock import ask_lock

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
    until = time.monotonic() + WITHIN_S
    while ask_lock(home.lock) is not None and time.monotonic() < until:
        try:
            return DaemonClient.connect(home).greet()
        except NoDaemon:
            time.sleep(0.02)
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
    return wait_for_daemon(home, process)


def wait_for_daemon(home: Home, process: subprocess.Popen[bytes] | None) -> DaemonClient:
    """Return a connection as soon as somebody serves `home`.

    Args:
        process: the daemon that was started, to notice that it ended; another one may have won the race.

    Raises:
        NoDaemon: nobody did in time.
    """
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        try:
            return DaemonClient.connect(home).greet()
        except NoDaemon:
            pass
        if process is not None and process.poll() not in (None, 0):
            # Two clients may each have started one; whoever lost ends at once, and the other is about to serve.
            if ask_lock(home.lock) is None:
                raise _not_started(home)
            process = None
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


def _not_started(home: Home) -> NoDaemon:
    """Return why a daemon of ours ended, and what to do: who sees this typed no command that has a --port."""
    words, is_taken, _ = _last_words(home).partition(f". {CODES['PORT_IN_USE'][1]}")
    next_step = f"What it says: {home.log}"
    if is_taken:
        port = "8767" if "port 8766 " in words else "8766"
        next_step = f"Stop it, or choose another port: rhctl service start{home_words(home)} --port {port}"
    return NoDaemon(f"the daemon did not start: {words}", next_step=next_step)


def _last_words(home: Home) -> str:
    """Return the sentence in which a start was refused, or whatever was said last."""
    try:
        with open(home.log, "rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - 4096))
            lines = stream.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        lines = []
    said = [line for line in lines if line.startswith("rhd: ")] or lines
    return said[-1].removeprefix("rhd: ") if said else "it said nothing"
