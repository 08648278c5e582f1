"""The control socket under whatever connects to it. The attacks are named after what they do."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import trio

from rhd.store import writer
from rhwire import messages
from rhwire.messages import Request
from tests.support.inprocess import Running, read_line, running_daemon
from tests.support.repositories import Repository
from tests.support.waiting import until

MAX_WAITING, MAX_OPEN = 64, 1024


async def test_one_connection_can_ask_again(daemon: Running) -> None:
    async with await daemon.open() as stream:
        for number in range(3):
            await stream.send_all(Request(number, "version", {}).encode())
            assert (await read_line(stream))["id"] == number


@pytest.mark.parametrize(
    ("line", "rpc_code", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", messages.PARSE_ERROR, "INVALID_REQUEST"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", messages.PARSE_ERROR, "INVALID_REQUEST"),
        (b"{\n", messages.PARSE_ERROR, "INVALID_REQUEST"),
        (b"{}\n", messages.INVALID_REQUEST, "INVALID_REQUEST"),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"nothing","params":{"v":1}}\n',
            messages.METHOD_NOT_FOUND,
            "INVALID_REQUEST",
        ),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"status","params":{"v":2}}\n',
            messages.INVALID_REQUEST,
            "PROTOCOL_MISMATCH",
        ),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"repos","params":{"v":1,"x":1}}\n',
            messages.INVALID_PARAMS,
            "INVALID_ARGUMENT",
        ),
        (b'{"jsonrpc":"2.0","id":1,"method":"adopt","params":{"v":1}}\n', messages.INVALID_PARAMS, "INVALID_ARGUMENT"),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"adopt","params":{"v":1,"path":7}}\n',
            messages.INVALID_PARAMS,
            "INVALID_ARGUMENT",
        ),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"events","params":{"v":1,"count":true}}\n',
            messages.INVALID_PARAMS,
            "INVALID_ARGUMENT",
        ),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"forget","params":{"v":1,"repo":"no"}}\n',
            messages.REFUSED,
            "REPO_NOT_FOUND",
        ),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else str(value),
)
async def test_what_is_no_request_gets_one_clear_error(daemon: Running, line: bytes, rpc_code: int, code: str) -> None:
    error = (await daemon.ask(line))["error"]
    assert (error["code"], error["data"]["code"]) == (rpc_code, code)
    assert error["message"]
    assert error["data"]["next_step"]


async def test_attack_a_browsers_request_is_answered_and_hung_up_on(daemon: Running) -> None:
    async with await daemon.open() as stream:
        await stream.send_all(
            b"POST /status HTTP/1.1\r\nOrigin: https://evil.example\r\n\r\n" + Request(1, "repos", {}).encode()
        )
        assert "error" in await read_line(stream)
        assert await read_line(stream) is None


async def test_attack_a_frame_without_end_is_cut_off(daemon: Running) -> None:
    async with await daemon.open() as stream:
        with contextlib.suppress(trio.BrokenResourceError):
            await stream.send_all(b'{"jsonrpc":"2.0","x":"' + b"a" * (messages.MAX_LINE_BYTES + 70_000))
        answer = await read_line(stream)
        assert answer["error"]["data"]["code"] == "REQUEST_TOO_LARGE"
    assert (await daemon.call("version"))["pid"] == os.getpid()


async def test_attack_half_a_frame_is_dropped_after_its_time(daemon: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "FIRST_LINE_WITHIN_S", 0.1)
    async with await daemon.open() as stream:
        await stream.send_all(b'{"jsonrpc"')
        assert await read_line(stream) is None


async def test_attack_idle_connections_beyond_64_are_told_so_and_room_appears_as_others_leave(daemon: Running) -> None:
    version = Request(1, "version", {}).encode()
    async with AsyncExitStack() as idle:
        for _ in range(MAX_WAITING):
            await idle.enter_async_context(await daemon.open())
        for _ in range(300):
            async with await daemon.open() as stream:
                assert (await read_line(stream))["error"]["data"]["code"] == "LIMIT_REACHED"
                assert await read_line(stream) is None
    with trio.fail_after(10):
        while "result" not in await daemon.ask(version):  # until their end was noticed
            await trio.sleep(0.01)


async def test_a_thousand_open_streams_take_nobodys_place_among_the_waiting(
    daemon: Running, repository: Repository
) -> None:
    """1,024 followers stay and the next one is refused; who waits for an answer is counted apart, and answered."""
    slug = await daemon.adopt(repository.path)
    line = Request(1, "events", {"repo": slug, "follow": True, "count": 1}).encode()
    with _open_files(2 * MAX_OPEN + 200):
        async with AsyncExitStack() as stack:

            async def follow() -> tuple[trio.SocketStream, Any]:
                stream = await stack.enter_async_context(await daemon.open())
                await stream.send_all(line)
                return stream, await read_line(stream)

            for _ in range(MAX_OPEN):
                last, first = await follow()
                assert first["method"] == "event"
            _, refused = await follow()
            assert refused["error"]["data"]["code"] == "LIMIT_REACHED"
            assert "result" in await daemon.ask(Request(2, "version", {}).encode())
            await last.aclose()
            with trio.fail_after(10):
                while (await follow())[1].get("method") != "event":  # its place is free once its end was noticed
                    await trio.sleep(0.01)


async def test_attached_connections_stay_open_beyond_the_64_that_may_wait(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    async with AsyncExitStack() as stack:
        for _ in range(MAX_WAITING + 1):
            stream = await stack.enter_async_context(await daemon.open())
            await stream.send_all(Request(1, "attach", {"repo": slug}).encode())
            assert (await read_line(stream))["result"]["slug"] == slug
        assert (await daemon.call("status"))["repos"][0]["clients"] == MAX_WAITING + 1


@contextlib.contextmanager
def _open_files(number: int) -> Iterator[None]:
    """Let this process have so many files open for as long as the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < number:
        pytest.skip(f"a process may have only {hard} files open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, number), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_attack_another_user_is_hung_up_on_though_the_socket_let_it_in(daemon: Running) -> None:
    os.chmod(daemon.home.socket, 0o666)
    folder = Path(daemon.home.base)
    while folder != Path("/tmp"):
        os.chmod(folder, 0o755)
        folder = folder.parent
    code = (
        "import os, socket, sys; os.setgid(65534); os.setuid(65534); s = socket.socket(socket.AF_UNIX);"
        "s.connect(sys.argv[1])\n"
        "try: s.sendall(sys.argv[2].encode()); sys.stdout.write(repr(s.recv(100)))\n"
        "except (ConnectionResetError, BrokenPipeError): sys.stdout.write(repr(b''))"
    )
    command = [sys.executable, "-S", "-c", code, daemon.home.socket, Request(1, "repos", {}).encode().decode()]
    done = await trio.run_process(command, capture_stdout=True, env={})
    assert done.stdout == b"b''"


async def test_the_socket_is_ours_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with running_daemon(tmp_path / "home") as daemon:
            assert stat.S_IMODE(os.lstat(daemon.home.socket).st_mode) == 0o600
            assert stat.S_IMODE(os.lstat(daemon.home.base).st_mode) == 0o700
    finally:
        os.umask(before)


async def test_attack_a_long_home_gets_a_socket_that_the_kernel_can_hold(tmp_path: Path) -> None:
    async with running_daemon(tmp_path / ("long" * 30)) as daemon:
        assert len(daemon.home.socket) < 100
        assert (await daemon.call("version"))["pid"] == os.getpid()
    assert not os.path.lexists(daemon.home.socket)


async def test_a_client_that_leaves_before_the_answer_harms_nobody(daemon: Running) -> None:
    for _ in range(20):
        client = socket.socket(socket.AF_UNIX)
        client.connect(daemon.home.socket)
        client.sendall(Request(1, "status", {}).encode())
        client.close()
    assert (await daemon.call("version"))["pid"] == os.getpid()


async def test_a_verb_that_fails_tells_no_secret_and_the_next_one_works(
    daemon: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("canary-secret")

    monkeypatch.setattr(daemon.context.registry, "__iter__", fail, raising=False)
    monkeypatch.setattr(type(daemon.context.registry), "__iter__", fail)
    answer = await daemon.ask(Request(1, "repos", {}).encode())
    assert answer["error"]["data"]["code"] == "INTERNAL"
    assert "canary" not in json.dumps(answer)
    assert (await daemon.call("version"))["pid"] == os.getpid()


def test_two_processes_see_the_same_bytes() -> None:
    """What the client writes is what the daemon reads, and no shell stands between them."""
    done = subprocess.run(["grep", "-rn", "shell=True", "ctl", "daemon"], capture_output=True, text=True, check=False)
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("verb", "params"),
    [
        ("start", {"repo": "project", "profile": "executor"}),
        ("stop", {"repo": "project"}),
        ("forget", {"repo": "project"}),
        ("passphrase", {"repo": "project", "action": "rotate"}),
        ("adopt", {"path": "{second}"}),
    ],
)
async def test_a_full_disk_is_named_with_what_to_do_and_nothing_has_changed(
    daemon: Running, repository: Repository, tmp_path: Path, verb: str, params: dict[str, Any]
) -> None:
    second = Repository.make(tmp_path / "second")
    await daemon.adopt(repository.path)
    before = await daemon.call("repos"), daemon.context.registry.by_slug("project")
    store, full = daemon.context.store, True

    def commit(self: Any, batch: Any) -> Any:
        if not full:
            return real(self, batch)
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        return writer._Refused(error, writer.describe(error, store.path))

    with pytest.MonkeyPatch.context() as patch:
        real = writer.Writer._commit
        patch.setattr(writer.Writer, "_commit", commit)
        given = {name: value.format(second=second.path) for name, value in params.items()}
        refused = await daemon.refusal(verb, **given)
        assert refused.code == "DISK_FULL"
        assert store.path in refused.message, "a person has to know which disk"
        assert "Free space" in refused.next_step
        findings = {f["check"]: f for f in (await daemon.call("doctor"))["findings"] if f["repo"] is None}
        assert findings["store"]["status"] == "error"
        full = False
        await until(lambda: store.problem is None)
    assert (await daemon.call("repos"), daemon.context.registry.by_slug("project")) == before
    assert daemon.context.registry.profiles(daemon.service("project").repo.id) == {"planner"}
    await daemon.call(verb, **given)
