"""Starts a daemon: the installed service, else a detached `rhd` with a clean environment."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from rhctl.client import Client
from rhctl.errors import NoDaemon
from rhwire.home import Home, HomeUnusable

WITHIN_S = 20.0
MAX_LOG_BYTES = 1 << 20
# What a daemon may know of the shell that happened to start it: no tokens, no session of a terminal or an agent.
_KEPT = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER", "XDG_RUNTIME_DIR")


def clean_environment() -> dict[str, str]:
    """Return the environment of a detached daemon."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def daemon_command(home: Home) -> list[str]:
    """Return the command line of a daemon for `home`, run by this very installation."""
    command = [sys.executable, "-m", "rhd"]
    return command if home.is_default else [*command, "--home", home.base]


def start_daemon(home: Home) -> Client:
    """Start a daemon for `home` and return a connection to it, once it serves.

    Raises:
        NoDaemon: it did not come up; the message is its own last words.
    """
    home.prepare()
    log = _open_log(home)
    try:
        process = subprocess.Popen(
            daemon_command(home),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**clean_environment(), **_import_path()},
            cwd="/",
            start_new_session=True,
            close_fds=True,
        )
    finally:
        os.close(log)
    return wait_for_daemon(home, process)


def wait_for_daemon(home: Home, process: subprocess.Popen[bytes] | None) -> Client:
    """Return a connection as soon as somebody serves `home`.

    Args:
        process: the daemon that was started, to notice that it ended; another one may have won the race.

    Raises:
        NoDaemon: nobody did in time.
    """
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        try:
            return Client.connect(home)
        except NoDaemon:
            pass
        if process is not None and process.poll() not in (None, 0):
            # Two clients may each have started one; whoever lost ends at once, and the other is about to serve.
            from rhwire.lock import ask_lock

            if ask_lock(home.lock) is None:
                raise NoDaemon(f"the daemon did not start: {_last_words(home)}")
            process = None
        time.sleep(0.02)
    raise NoDaemon("the daemon did not start in time", next_step=f"Look at {home.log}")


def _import_path() -> dict[str, str]:
    """Hand PYTHONPATH on where this client itself was found through it (a checkout that is not installed)."""
    path = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": path} if path else {}


def _open_log(home: Home) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        log = os.open(home.log, flags, 0o600)
        if os.fstat(log).st_size > MAX_LOG_BYTES:
            os.close(log)
            os.replace(home.log, home.log + ".1")
            log = os.open(home.log, flags, 0o600)
    except OSError as error:
        raise HomeUnusable(f"cannot write {home.log}: {error.strerror}") from error
    return log


def _last_words(home: Home) -> str:
    try:
        with open(home.log, "rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - 4096))
            lines = stream.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1].removeprefix("rhd: ") if lines else "it said nothing"


def installed_service() -> str | None:
    """Return the path of the service's own file if one is installed for this user, else None."""
    if sys.platform == "darwin":
        path = os.path.expanduser("~/Library/LaunchAgents/dev.repo-harness.rhd.plist")
    else:
        config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
        path = os.path.join(config, "systemd/user/rhd.service")
    return path if os.path.exists(path) else None
