"""The client's side of the socket: whom it trusts, and what it makes of answers that are none."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from rhctl import client as module
from rhctl.client import COME_BACK_S, END_WITHIN_S, DaemonClient, come_back, is_running
from rhctl.errors import CommandRefused, DaemonHangs, NoDaemon, UsageError
from rhwire.errors import HarnessError
from rhwire.home import Home
from rhwire.lock import take_lock
from rhwire.messages import MAX_LINE_BYTES
from tests.support.inprocess import Running
from tests.support.terminal import is_safe, run, type_in


@pytest.fixture
def home(no_daemon: Path) -> Home:
    """A home with its folder, and no daemon in it."""
    found = Home(str(no_daemon))
    found.prepare()
    return found


@pytest.fixture
def pair() -> Iterator[tuple[DaemonClient, socket.socket]]:
    """A client, and the end at which a daemon would be."""
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    with theirs, DaemonClient(ours) as client:
        yield client, theirs


def answer(pair: tuple[DaemonClient, socket.socket], *lines: Any) -> Any:
    """Return what the client makes of these lines; bytes are sent as they are."""
    client, theirs = pair
    for line in lines:
        theirs.sendall(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
    return client.call("status")


# Whom it trusts.


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_socket_of_somebody_else_is_told_nothing(home: Home) -> None:
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(home.socket)
        stranger.listen()
        os.chown(home.socket, 65534, 65534)
        with pytest.raises(HarnessError) as refused:
            DaemonClient.connect(home)
        assert refused.value.code == "FOLDER_NOT_OURS"
        said = run("repos", "--json")  # nor is a daemon started beside it
        assert (said.code, said.refusal) == (1, "FOLDER_NOT_OURS")
        stranger.setblocking(False)
        with pytest.raises(BlockingIOError):
            stranger.accept()


# Whether a daemon is there.


def test_nobody_there_is_exit_3_whatever_lies_in_the_way(home: Home) -> None:
    def make_file() -> None:
        Path(home.socket).write_text("")

    def leave_dead_socket() -> None:
        os.unlink(home.socket)
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(home.socket)

    for prepare in (lambda: None, make_file, leave_dead_socket):
        prepare()
        with pytest.raises(NoDaemon):
            DaemonClient.connect(home)
        said = run("repos", "--no-start", "--json")
        assert (said.code, said.refusal) == (3, "NO_DAEMON")


def test_the_lock_says_whether_a_daemon_runs(home: Home) -> None:
    assert not is_running(home)
    lock = take_lock(home.lock)
    try:
        assert is_running(home)
    finally:
        os.close(lock)
    assert not is_running(home)


async def test_a_daemon_that_serves_is_used(daemon: Running) -> None:
    assert (await type_in("repos")).err == ""


# Coming back to one that has gone.


def pretend_to_sleep(monkeypatch: pytest.MonkeyPatch, *, until_s: float) -> list[float]:
    """Let a client that waits for a daemon wait no time, until it is interrupted; return its pauses."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if sum(slept) > until_s:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: sum(slept)))
    return slept


def test_nobody_is_started_by_waiting_for_a_daemon(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pauses = pretend_to_sleep(monkeypatch, until_s=10)
    with socket.socket(socket.AF_UNIX) as activated:  # as a service manager holds it
        activated.bind(home.socket)
        activated.listen()
        activated.setblocking(False)
        with pytest.raises(KeyboardInterrupt):
            come_back(home, 7)
        with pytest.raises(BlockingIOError):
            activated.accept()
    assert (pauses[0], max(pauses)) == COME_BACK_S
    assert capsys.readouterr().err == "rhctl: no daemon serves; waiting for one\n"


def test_a_daemon_that_may_be_ending_is_let_end(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_to_sleep(monkeypatch, until_s=END_WITHIN_S)
    lock = take_lock(home.lock)
    try:
        with socket.socket(socket.AF_UNIX) as held:
            held.bind(home.socket)
            held.listen()
            held.setblocking(False)
            with pytest.raises(KeyboardInterrupt):
                come_back(home, os.getpid())
            with pytest.raises(BlockingIOError):
                held.accept()
    finally:
        os.close(lock)


async def test_who_was_told_to_wait_is_told_that_it_is_over(
    daemon: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "END_WITHIN_S", -1.0)
    monkeypatch.setattr(module, "COME_BACK_S", (0.0, 0.0))
    pids = iter((None,))
    monkeypatch.setattr(module, "ask_lock", lambda path: next(pids, os.getpid()))
    with await trio.to_thread.run_sync(come_back, daemon.home, 7):
        assert capsys.readouterr().err == "rhctl: no daemon serves; waiting for one\nrhctl: a daemon serves again\n"


@pytest.fixture
def output() -> Iterator[tuple[int, int]]:
    """A pipe that a command prints to, and the end that is read."""
    reader, writer = os.pipe()
    yield writer, reader
    os.close(writer)


def test_nobody_waits_for_a_daemon_for_a_reader_who_has_gone(home: Home, output: tuple[int, int]) -> None:
    writer, reader = output
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        come_back(home, None, output=writer)


def test_a_stream_ends_once_nobody_reads_what_is_printed_of_it(
    pair: tuple[DaemonClient, socket.socket], output: tuple[int, int]
) -> None:
    client, theirs = pair
    writer, reader = output
    theirs.sendall(b"".join(b'{"jsonrpc":"2.0","method":"event","params":{"n":%d}}\n' % n for n in range(2)))
    told: list[Any] = []

    def tell(event: dict[str, Any]) -> None:
        told.append(event["n"])
        if event["n"] == 1:
            os.close(reader)

    with pytest.raises(BrokenPipeError):
        client.call("events", on_event=tell, output=writer)
    assert told == [0, 1]


async def test_its_successor_is_found_and_so_is_one_that_goes_on(
    daemon: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    for left, within_s in ((7, 60.0), (None, 60.0), (os.getpid(), 0.0)):
        monkeypatch.setattr(module, "END_WITHIN_S", within_s)
        with await trio.to_thread.run_sync(come_back, daemon.home, left) as client:
            assert await trio.to_thread.run_sync(client.call, "version")


def test_whoever_cannot_be_talked_to_ends_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = iter(("NO_DAEMON", "LIMIT_REACHED", "PROTOCOL_MISMATCH"))

    def connect(_: Home) -> DaemonClient:
        raise HarnessError("no", code=next(codes))

    monkeypatch.setattr(DaemonClient, "connect", connect)
    monkeypatch.setattr(module, "COME_BACK_S", (0.0, 0.0))
    lock = take_lock(home.lock)
    try:
        with pytest.raises(HarnessError) as refused:
            come_back(home, None)
        assert refused.value.code == "PROTOCOL_MISMATCH"
    finally:
        os.close(lock)


# What it makes of answers.


def test_a_result_is_returned_and_events_before_it_are_told(pair: tuple[DaemonClient, socket.socket]) -> None:
    client, theirs = pair
    lines = [
        {"jsonrpc": "2.0", "method": "event", "params": {"n": 1}},
        {"jsonrpc": "2.0", "id": 99, "result": "of another request"},
        {"jsonrpc": "2.0", "method": "event", "params": {"n": 2}},
        {"jsonrpc": "2.0", "id": 1, "result": {"done": True}},
    ]
    theirs.sendall(b"".join(json.dumps(line).encode() + b"\n" for line in lines) + b"MCP follows")
    told: list[Any] = []
    assert client.call("events", {"repo": "x", "count": None}, on_event=told.append) == {"done": True}
    assert told == [{"n": 1}, {"n": 2}]
    assert client.take_rest() == b"MCP follows"
    assert client.take_rest() == b""
    request = json.loads(theirs.recv(4096))
    assert request["params"] == {"v": 1, "repo": "x"}  # what is None was not given


def test_a_refusal_keeps_its_code_words_and_details(pair: tuple[DaemonClient, socket.socket]) -> None:
    error = {
        "code": -32000,
        "message": "no",
        "data": {"code": "NAME_TAKEN", "next_step": "Choose.", "details": {"slug": "x"}},
    }
    with pytest.raises(CommandRefused) as refused:
        answer(pair, {"jsonrpc": "2.0", "id": 1, "error": error})
    assert refused.value.to_json() == {
        "code": "NAME_TAKEN",
        "message": "no",
        "next_step": "Choose.",
        "details": {"slug": "x"},
    }


@pytest.mark.parametrize(
    "error",
    [
        {},
        {"message": None, "data": None},
        {"message": 7, "data": 7},
        {"message": ["x"], "data": {"code": ["x"], "next_step": 7}},
        {"code": -32000, "message": "x", "data": {"code": "NEWER_THAN_THIS_CLIENT"}},
    ],
)
def test_a_refusal_of_a_daemon_that_knows_more_or_less_can_still_be_told(
    pair: tuple[DaemonClient, socket.socket], error: Any
) -> None:
    with pytest.raises(CommandRefused) as refused:
        answer(pair, {"jsonrpc": "2.0", "id": None, "error": error})
    assert refused.value.code == "INTERNAL"
    assert all(isinstance(text, str) and text for text in (refused.value.message, refused.value.next_step))


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\n",
        b"\xff\xfe\n",
        b"7\n",
        b'"method"\n',
        b"null\n",
        b"[]\n",
        b"{}\n",
        b'{"jsonrpc":"2.0","id":1}\n',
        b'{"jsonrpc":"2.0","method":"event"}\n',
        b'{"jsonrpc":"2.0","method":"event","params":7}\n',
        b'{"jsonrpc":"2.0","id":1,"error":"no"}\n',
        b'{"jsonrpc":"2.0","id":1,"result":NaN}\n',
        b'{"jsonrpc":"2.0","id":1,"result":1,"result":2}\n',
        b"[" * 100_000 + b"\n",
    ],
    ids=lambda line: repr(line[:30]),
)
def test_garbage_is_refused_in_words(pair: tuple[DaemonClient, socket.socket], line: bytes) -> None:
    with pytest.raises(CommandRefused) as refused:
        answer(pair, line)
    assert refused.value.code == "PROTOCOL_MISMATCH"
    assert is_safe(refused.value.message)


def test_an_end_in_the_middle_of_an_answer_is_a_daemon_that_went_away(pair: tuple[DaemonClient, socket.socket]) -> None:
    client, theirs = pair
    theirs.sendall(b'{"jsonrpc":"2.0","id":1,')
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(NoDaemon, match="closed the connection"):
        client.call("status")


def test_a_daemon_that_is_gone_when_it_is_asked_is_no_broken_pipe_of_ours(
    pair: tuple[DaemonClient, socket.socket],
) -> None:
    client, theirs = pair
    theirs.close()
    with pytest.raises(NoDaemon, match="closed the connection"):
        client.call("status")


def test_a_daemon_that_does_not_answer_is_not_waited_for_for_ever(pair: tuple[DaemonClient, socket.socket]) -> None:
    client, _ = pair
    client.sock.settimeout(0.01)
    with pytest.raises(DaemonHangs, match="does not answer") as silent:
        client.call("status")
    assert (silent.value.code, silent.value.exit_code) == ("DAEMON_HANGS", 1)
    assert "rhctl service restart" in silent.value.next_step


def test_a_daemon_that_says_that_it_works_is_waited_for(pair: tuple[DaemonClient, socket.socket]) -> None:
    progress = {"jsonrpc": "2.0", "method": "progress", "params": {}}
    assert answer(pair, progress, progress, {"jsonrpc": "2.0", "id": 1, "result": 7}) == 7


def test_progress_is_no_event_of_a_stream(pair: tuple[DaemonClient, socket.socket]) -> None:
    client, theirs = pair
    seen: list[Any] = []
    for line in (
        {"jsonrpc": "2.0", "method": "progress", "params": {}},
        {"jsonrpc": "2.0", "method": "event", "params": {"n": 1}},
        {"jsonrpc": "2.0", "id": 1, "result": {}},
    ):
        theirs.sendall(json.dumps(line).encode() + b"\n")
    client.call("events", on_event=seen.append)
    assert seen == [{"n": 1}]


def test_a_stream_that_is_silent_is_asked_on_another_connection(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon's process lives and has stopped: it accepts nothing and says nothing."""
    monkeypatch.setattr(module, "SILENCE_S", 0.05)
    lock = take_lock(home.lock)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(home.socket)
            listener.listen()
            with DaemonClient.connect(home) as client, pytest.raises(DaemonHangs, match=f"process {os.getpid()}"):
                client.call("events", {"follow": True}, on_event=lambda _: None)
    finally:
        os.close(lock)


def test_a_daemon_whose_queue_is_full_hangs(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE_S", 0.05)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(home.socket)
        listener.listen(0)
        with ExitStack() as waiting:
            for _ in range(8):
                stranger = waiting.enter_context(socket.socket(socket.AF_UNIX))
                stranger.setblocking(False)
                with suppress(BlockingIOError):
                    stranger.connect(home.socket)
            with pytest.raises(DaemonHangs):
                DaemonClient.connect(home)


async def test_an_answer_may_be_longer_than_a_request(daemon: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rhd.control.version.VERSION", "x" * (3 * MAX_LINE_BYTES))
    assert len((await daemon.call("version"))["version"]) == 3 * MAX_LINE_BYTES


def test_what_is_no_text_cannot_be_sent(pair: tuple[DaemonClient, socket.socket]) -> None:
    with pytest.raises(UsageError, match="not UTF-8"):
        pair[0].send("adopt", {"path": "/no-utf8-\udcff"})


def test_a_connection_that_is_not_greeted_is_closed(pair: tuple[DaemonClient, socket.socket]) -> None:
    client, theirs = pair
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(NoDaemon):
        client.greet()
    assert client.sock.fileno() == -1
