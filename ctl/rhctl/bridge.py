"""`Bridge`: carries MCP between a client's standard streams and the daemon; it outlives each daemon.

One thread and one `poll`: neither side can block the other, and there is nothing to lock. The client's descriptors stay
blocking, since they may be shared with other processes, so each is read and written only as `poll` allows.
"""

from __future__ import annotations

import os
import select
import signal
import time

from rhctl.bridge_protocol import BridgeProtocol
from rhctl.client import DaemonClient
from rhctl.daemon_access import open_client
from rhwire.errors import HarnessError
from rhwire.line_buffer import LineBuffer
from rhwire.lock import ask_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from rhwire.home import Home

STDIN, STDOUT = 0, 1
READ_BYTES = 1 << 16
MAX_UNSENT_BYTES = 1 << 20
"""A side that does not read stops the other from being read once so much waits for it."""

RECONNECT_S = 0.02, 0.5
"""Shortest and longest pause between attempts to reach the next daemon."""

ENDING_S = 1.0
"""How long a daemon that closed the connection may hold its lock because it is ending."""

START_AFTER_S = 1.0
"""How long a daemon may be gone before the bridge starts one, if the client waits for an answer."""

GIVE_UP_S = 30.0
"""How long the client waits for an answer while no daemon can be reached; it is then told why."""

_PASSING = frozenset({"DAEMON_HANGS", "LIMIT_REACHED", "NO_DAEMON", "REPO_BUSY", "REPO_OPENING", "TIMEOUT"})


class Bridge:
    """One client's connection, from its first message until its standard input ends or a signal arrives."""

    def __init__(self, home: Home, params: dict[str, Any], *, may_start: bool) -> None:
        """Prepare a bridge.

        Args:
            params: of `attach`: repository and profile.
            may_start: a daemon may be started where none serves.
        """
        self._home = home
        self._params = params
        self._may_start = may_start
        self._session = BridgeProtocol()
        self._daemon: DaemonClient | None = None
        self._daemon_pid: int | None = None
        self._from_client = LineBuffer()
        self._from_daemon = LineBuffer()
        self._to_client = bytearray()
        self._to_daemon = bytearray()
        self._has_client_ended = False
        self._was_attached = False
        self._is_outside = False
        self._lost_at = time.monotonic()
        self._connect_at = 0.0
        self._pause_s = RECONNECT_S[0]

    def run(self) -> int:
        """Return the exit code once the client has ended the connection, or once it cannot be served at all."""
        handlers = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            while not (self._has_client_ended and self._is_finished()):
                if self._is_due():
                    self._connect()
                self._transfer()
        except _Ended:
            pass
        except BrokenPipeError:  # the client reads no more
            pass
        except HarnessError as error:
            self._refuse(error)
            raise
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            if self._daemon is not None:
                self._daemon.close()
        return 0

    def _is_finished(self) -> bool:
        """Say whether a client that sends no more has been answered: the daemon closes, or nothing is waited for."""
        return self._daemon is None and not self._to_client and not self._session.is_waiting

    # -- moving bytes ------------------------------------------------------------------------------------------

    def _transfer(self) -> None:
        """Wait until something can be moved, and move it."""
        poll = select.poll()
        if self._daemon is not None:  # first, so that no request counts as sent to a daemon that has ended already
            is_reading = len(self._to_client) < MAX_UNSENT_BYTES
            poll.register(self._daemon.sock, select.POLLIN * is_reading | select.POLLOUT * bool(self._to_daemon))
        if not self._has_client_ended and len(self._to_daemon) < MAX_UNSENT_BYTES:
            poll.register(STDIN, select.POLLIN)
        if self._to_client:
            poll.register(STDOUT, select.POLLOUT)
        for descriptor, found in poll.poll(self._wait_ms()):
            if descriptor == STDIN:
                self._read_client()
            elif descriptor == STDOUT:
                self._write_client()
            elif self._daemon is not None:
                self._exchange(found)

    def _wait_ms(self) -> int | None:
        """Return how long to wait for the next thing: until a connection is due, or for ever."""
        if self._daemon is not None or not self._wants_daemon():
            return None
        return max(0, int((self._connect_at - time.monotonic()) * 1000) + 1)

    def _read_client(self) -> None:
        data = os.read(STDIN, READ_BYTES)
        self._has_client_ended = not data
        for line in _take_lines(self._from_client, data or b"\n"):
            self._session.from_client(line, is_sent=self._daemon is not None)
            self._connect_at = 0.0
            if self._daemon is not None:
                self._to_daemon += line
        if self._has_client_ended and self._daemon is not None and not self._to_daemon:
            self._shut_down()

    def _write_client(self) -> None:
        # A pipe that can be written to takes this much without blocking.
        del self._to_client[: os.write(STDOUT, self._to_client[: select.PIPE_BUF])]

    def _exchange(self, found: int) -> None:
        """Read from and write to the daemon; what fails there is that it has ended."""
        assert self._daemon is not None
        sock = self._daemon.sock
        try:
            if found & (select.POLLIN | select.POLLHUP | select.POLLERR):
                data = sock.recv(READ_BYTES)
                if not data:
                    self._lose()
                    return
                self._hear(data)
            if found & select.POLLOUT:
                del self._to_daemon[: sock.send(self._to_daemon)]
                if self._has_client_ended and not self._to_daemon:
                    self._shut_down()
        except BlockingIOError:
            pass
        except OSError:
            self._lose()

    def _hear(self, data: bytes) -> None:
        for line in _take_lines(self._from_daemon, data):
            if self._session.from_daemon(line):
                self._to_client += line

    def _shut_down(self) -> None:
        """Tell the daemon that no more comes; it answers what it was asked and closes."""
        assert self._daemon is not None
        try:
            self._daemon.sock.shutdown(1)
        except OSError:
            self._lose()

    # -- one daemon after another ------------------------------------------------------------------------------

    def _wants_daemon(self) -> bool:
        """Say whether there is anything to serve: nothing is started for a client that has not said a word."""
        return self._was_attached or self._session.has_requests

    def _is_due(self) -> bool:
        return self._daemon is None and self._wants_daemon() and time.monotonic() >= self._connect_at

    def _connect(self) -> None:
        """Reach the daemon that serves, or start one if the client waits for an answer.

        After the first time the lock is asked before anything is connected to: a service manager would start a daemon
        for every connection, also one that its owner has just stopped.
        """
        gone_s = time.monotonic() - self._lost_at
        may_start = self._may_start and (self._session.is_waiting or not self._was_attached)
        if self._was_attached:
            pid = ask_lock(self._home.lock)
            is_ending = pid == self._daemon_pid and gone_s < ENDING_S and not self._is_outside
            is_starting = pid is None and may_start and gone_s > START_AFTER_S
            if is_ending or (pid is None and not is_starting):
                if gone_s > GIVE_UP_S:
                    self._answer(self._session.refuse(HarnessError("no daemon serves this home", code="NO_DAEMON")))
                self._wait()
                return
        else:
            is_starting = True
        try:
            self._attach(may_start=is_starting and may_start)
        except HarnessError as error:
            if error.code not in _PASSING or (error.code == "NO_DAEMON" and not self._was_attached):
                raise
            if gone_s > GIVE_UP_S or (error.code == "NO_DAEMON" and is_starting):
                self._answer(self._session.refuse(error))
            self._wait()

    def _attach(self, *, may_start: bool) -> None:
        daemon = open_client(self._home, may_start=may_start)
        label = self._session.client_name
        try:
            found = daemon.call("attach", {**self._params, "client": self._session.id, "label": label})
        except BaseException:
            daemon.close()
            raise
        self._daemon, self._daemon_pid = daemon, ask_lock(self._home.lock)
        self._is_outside = found["slug"] is None
        if found["id"] is not None:
            self._params = {**self._params, "repo": found["id"]}
        if found["cursor"] is not None:
            self._params.setdefault("cursor", found["cursor"])
        self._was_attached, self._pause_s = True, RECONNECT_S[0]
        self._from_daemon.take_rest()
        to_daemon, to_client = self._session.resume(found)
        self._to_daemon[:] = b"".join(to_daemon)
        self._answer(to_client)
        daemon.sock.setblocking(False)
        self._hear(daemon.take_rest())

    def _lose(self) -> None:
        """Note that the daemon has ended; what it has not answered is for the next one."""
        assert self._daemon is not None
        self._daemon.close()
        self._daemon = None
        self._to_daemon.clear()
        self._lost_at = self._connect_at = time.monotonic()

    def _wait(self) -> None:
        self._connect_at = time.monotonic() + self._pause_s
        self._pause_s = min(self._pause_s * 2, RECONNECT_S[1])

    def _answer(self, lines: list[bytes]) -> None:
        self._to_client += b"".join(lines)

    def _refuse(self, error: HarnessError) -> None:
        """Answer what waits with an error, since clients show that and not what is printed on standard error."""
        self._answer(self._session.refuse(error))
        try:
            while self._to_client:
                self._write_client()
        except BrokenPipeError:
            pass


class _Ended(BaseException):
    """The bridge was told to end, by a signal."""


def _end(number: int, frame: object) -> None:
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)  # once is enough
    raise _Ended


def _take_lines(buffer: LineBuffer, data: bytes) -> Iterator[bytes]:
    """Add `data` to `buffer` and yield each whole line with its newline; blank ones are left out."""
    buffer.feed(data)
    while (line := buffer.take_line()) is not None:
        if line.strip():
            yield line + b"\n"
