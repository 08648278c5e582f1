"""Talks to the daemon over its socket: one request, one answer, or a stream."""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from contextlib import suppress

from rhctl.errors import CommandRefused, DaemonHangs, NoDaemon, UsageError
from rhwire import messages
from rhwire.codes import CODES
from rhwire.errors import HarnessError
from rhwire.home import Home
from rhwire.line_buffer import LineBuffer
from rhwire.lock import ask_lock
from rhwire.messages import PROGRESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SILENCE_S = 10.0
"""A daemon that works on something says so every 3 s; one that has sent nothing for so long hangs."""

COME_BACK_S = 0.05, 1.0
"""Shortest and longest pause between looks for a daemon that has gone."""

END_WITHIN_S = 5.0
"""How long one that closed the connection may still be there because it drains; it is ending then, or it goes on."""


class DaemonClient:
    """One connection to the daemon of a home."""

    def __init__(self, sock: socket.socket, home: Home | None = None) -> None:
        self.sock = sock
        self._home = home
        self._lines = LineBuffer()
        self._last_id = 0

    @classmethod
    def connect(cls, home: Home, within_s: float = SILENCE_S) -> DaemonClient:
        """Connect to the daemon that serves `home` now; an activated socket starts it.

        Args:
            within_s: how long it has to accept, and then for each answer.

        Raises:
            NoDaemon: nothing listens.
            DaemonHangs: the daemon accepts no connection.
            HarnessError: FOLDER_NOT_OURS, the socket belongs to another user.
        """
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            check_owner(home.socket)
            sock.settimeout(within_s)
            _connect(sock, home.socket, within_s)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            sock.close()
            raise NoDaemon("no daemon serves this home") from None
        except TimeoutError:
            sock.close()
            raise DaemonHangs(ask_lock(home.lock)) from None
        except OSError as error:
            sock.close()
            raise NoDaemon(f"cannot reach the daemon: {error.strerror or error}") from None
        except BaseException:
            sock.close()
            raise
        return cls(sock, home)

    def greet(self) -> DaemonClient:
        """Return this connection once it has been answered.

        One that is only queued in an activated socket ends with a daemon that cannot start, or that ends just now;
        better to learn that from a question that may be asked again.

        Raises:
            NoDaemon: it went away.
            CommandRefused: PROTOCOL_MISMATCH.
        """
        try:
            self.call("version")
        except BaseException:
            self.close()
            raise
        return self

    def send(self, method: str, params: dict[str, Any]) -> int:
        """Send a request and return its id; None among the parameters is left out.

        Raises:
            UsageError: a parameter is no text that can be sent.
            NoDaemon: it went away.
            DaemonHangs: it does not read.
        """
        self._last_id += 1
        given = {name: value for name, value in params.items() if value is not None}
        try:
            line = messages.Request(self._last_id, method, given).encode()
        except UnicodeEncodeError:
            raise UsageError("a name or path is not UTF-8, and nothing else can be served", next_step="") from None
        try:
            self.sock.sendall(line)
        except TimeoutError:
            raise self._hangs() from None
        except OSError:  # not to be taken for a reader of ours that has gone
            raise NoDaemon("the daemon closed the connection") from None
        return self._last_id

    def call(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        output: int | None = None,
    ) -> Any:
        """Return a verb's result; a stream's events go to `on_event` as they come.

        A stream may be silent for days. While it is, the daemon is asked on another connection whether it answers.

        Args:
            output: the descriptor that events are printed to: a stream ends once its reader has gone.

        Raises:
            BrokenPipeError: the reader of `output` has gone.
            CommandRefused: the daemon refuses; PROTOCOL_MISMATCH if what answers is no daemon of ours.
            NoDaemon: it went away.
            DaemonHangs: it has sent nothing for `SILENCE_S`.
        """
        id_ = self.send(method, params or {})
        while True:
            if on_event is not None:
                while not self._lines.has_line and not _wait_read(output, self.sock, SILENCE_S):
                    self._check_alive()
            message = _parse(self.read_line())
            if "method" in message:
                if on_event is not None and message["method"] != PROGRESS:
                    on_event(message["params"])
                continue
            if "error" in message:
                raise _refused(message["error"])
            if message.get("id") == id_:
                return message["result"]

    def read_line(self) -> bytes:
        """Return the next line, without its end.

        Raises:
            NoDaemon: the daemon closed the connection.
            DaemonHangs: it has sent nothing for `SILENCE_S`.
        """
        while (line := self._lines.take_line()) is None:
            try:
                data = self.sock.recv(1 << 16)
            except TimeoutError:
                raise self._hangs() from None
            except OSError:
                data = b""
            if not data:
                raise NoDaemon("the daemon closed the connection")
            self._lines.feed(data)
        return line

    def take_rest(self) -> bytes:
        """Return what was read beyond the last line."""
        return self._lines.take_rest()

    def close(self) -> None:
        """Hang up."""
        self.sock.close()

    def _check_alive(self) -> None:
        """Ask the daemon for its version on another connection.

        Raises:
            DaemonHangs: it does not answer.
        """
        if self._home is not None:
            with suppress(NoDaemon, CommandRefused):  # it ends, or is busy: this connection tells
                DaemonClient.connect(self._home).greet().close()

    def _hangs(self) -> DaemonHangs:
        return DaemonHangs(ask_lock(self._home.lock) if self._home is not None else None)

    def __enter__(self) -> DaemonClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _connect(sock: socket.socket, path: str, within_s: float) -> None:
    """Connect to a path; where the queue of those who wait is full, wait for a place as long as for an answer."""
    until = time.monotonic() + within_s
    while True:
        try:
            sock.connect(path)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError from None
            time.sleep(0.02)


def check_owner(path: str) -> None:
    """Refuse a socket that another user put where ours would be: a passphrase could be sent to it."""
    found = os.lstat(path)
    if found.st_uid != os.geteuid():
        raise HarnessError(
            f"the socket {path} belongs to user {found.st_uid}",
            code="FOLDER_NOT_OURS",
            next_step="Choose another home with --home.",
        )


def is_running(home: Home) -> bool:
    """Say whether a daemon holds the home; asks the lock, so that nothing is started."""
    return ask_lock(home.lock) is not None


def come_back(home: Home, left: int | None, *, output: int | None = None) -> DaemonClient:
    """Connect again, once a daemon serves, to one that closed the connection; nothing is ever started by that.

    The lock is asked first: a service manager would start a daemon for a client that connects, also one that was just
    stopped. For the same reason one that may be draining is let end before its successor is looked for.

    Args:
        left: the pid of the daemon that closed the connection, as the lock had it.
        output: the descriptor that is printed to.

    Raises:
        BrokenPipeError: the reader of `output` has gone.
        HarnessError: the daemon that serves now refuses.
    """
    pause_s, longest_s = COME_BACK_S
    until, is_told = time.monotonic() + END_WITHIN_S, False
    while True:
        pid, is_late = ask_lock(home.lock), time.monotonic() > until
        if pid and (pid != left or is_late):
            try:
                client = DaemonClient.connect(home).greet()
            except HarnessError as error:
                if error.code not in ("NO_DAEMON", "LIMIT_REACHED"):  # too early, or many come back at once
                    raise
            else:
                if is_told:
                    print("rhctl: a daemon serves again", file=sys.stderr)
                return client
        if is_late and not is_told:
            print("rhctl: no daemon serves; waiting for one", file=sys.stderr)
            is_told = True
        if output is not None:
            _wait_read(output, None, 0)
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, longest_s)


def output_descriptor() -> int | None:
    """Return the descriptor of standard output; None if it is none of the system's."""
    try:
        return sys.stdout.fileno()
    except OSError:
        return None


def _wait_read(output: int | None, sock: socket.socket | None, within_s: float) -> bool:
    """Return whether something can be received from `sock` within a time.

    Raises:
        BrokenPipeError: the reader of `output` has gone. Writing would tell too, but there may be nothing to write for
            days.
    """
    poll = select.poll()
    if output is not None:
        poll.register(output, 0)  # its end is told unasked
    if sock is not None:
        poll.register(sock, select.POLLIN)
    found = dict(poll.poll(within_s * 1000))
    if output is not None and found.get(output, 0) & (select.POLLERR | select.POLLHUP):
        raise BrokenPipeError
    return bool(found)


def _parse(line: bytes) -> dict[str, Any]:
    """Return one message of the daemon's: an event, a result or an error."""
    try:
        message = messages.decode(line, limit_bytes=None)
    except messages.WireError:
        message = None
    if isinstance(message, dict):
        if isinstance(message.get("params"), dict) if "method" in message else "result" in message:
            return message
        if isinstance(message.get("error"), dict):
            return message
    raise CommandRefused("what serves this home does not speak as a daemon does", code="PROTOCOL_MISMATCH")


def _refused(error: dict[str, Any]) -> CommandRefused:
    data = error.get("data")
    data = data if isinstance(data, dict) else {}
    code = data.get("code")
    next_step = str(data["next_step"]) if data.get("next_step") else None
    return CommandRefused(
        str(error.get("message") or "the daemon refused"),
        code=code if isinstance(code, str) and code in CODES else "INTERNAL",  # of a newer daemon, perhaps
        next_step=next_step,
        details=data.get("details"),
    )
