"""What serving costs: per request beside other servers of the same run, and per connection that waits.

Run: python tests/bench/bench_serving.py

Each server is a process of its own with an app that reads a tool call of the usual size and answers it. Machines and
moments differ by a factor of two; the ratios do not.
"""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ROUNDS, WARM_UP, REQUESTS, STREAMS = 3, 300, 2000, 1000
CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"harness_status","arguments":{}}}'
REQUEST = (
    b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:8765\r\nContent-Type: application/json\r\n"
    b"Accept: application/json, text/event-stream\r\nAuthorization: Bearer " + b"a" * 43 + b"\r\n"
    b"Mcp-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nUser-Agent: bench/1\r\n"
    b"Content-Length: %d\r\n\r\n" % len(CALL) + CALL
)
RESULT = b'{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'
RAW = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(RESULT) + RESULT


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer a call, or keep a stream open."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["path"] == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    while (await receive())["more_body"]:
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(RESULT))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": RESULT})


def run_asyncio(sock: socket.socket) -> None:
    """An echo on asyncio streams that parses nothing."""
    import asyncio

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(len(CALL))
                writer.write(RAW)
        except asyncio.IncompleteReadError:
            writer.close()

    async def main() -> None:
        await (await asyncio.start_server(handle, sock=sock)).serve_forever()

    asyncio.run(main())


def run_trio(sock: socket.socket) -> None:
    """An echo on trio streams that parses nothing."""
    import trio

    async def handle(stream: trio.SocketStream) -> None:
        while await stream.receive_some(65536):
            await stream.send_all(RAW)

    trio.run(trio.serve_listeners, handle, [trio.SocketListener(trio.socket.from_stdlib_socket(sock))])


def run_stock(sock: socket.socket) -> None:
    """hypercorn.trio as it comes."""
    import trio
    from hypercorn.config import Config
    from hypercorn.trio import serve

    config = Config()
    config.bind = [f"fd://{sock.detach()}"]
    config.errorlog = None
    config.keep_alive_max_requests = sys.maxsize
    trio.run(serve, app, config)  # type: ignore[arg-type]


def run_ours(sock: socket.socket) -> None:
    """rhd.web.serving."""
    import trio

    from rhd.web.serving import serve

    async def main() -> None:
        await serve(app, [trio.SocketListener(trio.socket.from_stdlib_socket(sock))], stop=trio.Event())

    trio.run(main)


SERVERS = {"asyncio, raw": run_asyncio, "trio, raw": run_trio, "hypercorn.trio": run_stock, "serving": run_ours}


class Server:
    """One server in a process of its own."""

    def __init__(self, name: str) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as sock:
            self.address = sock.getsockname()
            environment = {**os.environ, "PYTHONPATH": f"{ROOT}/daemon:{ROOT}/ctl"}
            command = [sys.executable, __file__, name, str(sock.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[sock.fileno()], env=environment)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self) -> int:
        return int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]) * resource.getpagesize()


def measure_calls(name: str) -> tuple[float, float, float]:
    """Return the median and the 99th percentile of a call, and its CPU time, in µs."""
    with Server(name) as server, socket.create_connection(server.address) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def call() -> float:
            begun = time.perf_counter()
            client.sendall(REQUEST)
            got = b""
            while not got.endswith(RESULT):
                got += client.recv(65536)
            return time.perf_counter() - begun

        for _ in range(WARM_UP):
            call()
        cpu = server.cpu_s()
        took = sorted(call() for _ in range(REQUESTS))
        cpu = server.cpu_s() - cpu
    return took[REQUESTS // 2] * 1e6, took[REQUESTS * 99 // 100] * 1e6, cpu / REQUESTS * 1e6


def measure_stream(name: str, request: bytes) -> float:
    """Return the memory of one connection on which nothing happens, in KiB."""
    with Server(name) as server:
        clients = []

        def connect(number: int) -> None:
            for _ in range(number):
                client = socket.create_connection(server.address)
                client.sendall(request)
                client.recv(65536)
                clients.append(client)

        connect(100)
        before = server.memory_bytes()
        connect(STREAMS)
        grown = server.memory_bytes() - before
        for client in clients:
            client.close()
    return grown / STREAMS / 1024


def main() -> None:
    """Measure and print."""
    if len(sys.argv) == 3:
        sock = socket.socket(fileno=int(sys.argv[2]))
        sock.setblocking(False)
        SERVERS[sys.argv[1]](sock)
        return
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    rounds = [{name: measure_calls(name) for name in SERVERS} for _ in range(ROUNDS)]
    best = {name: min(figures[name] for figures in rounds) for name in SERVERS}
    print(f"{'one call':16} {'p50 µs':>8} {'p99 µs':>8} {'CPU µs':>8}   p50 against trio, raw")
    for name, (p50, p99, cpu) in best.items():
        print(f"{name:16} {p50:8.0f} {p99:8.0f} {cpu:8.0f}   {p50 / best['trio, raw'][0]:.1f}x")
    print(f"\n{'a connection':16} {'idle KiB':>8} {'stream KiB':>10}")
    for name in ("hypercorn.trio", "serving"):
        idle = measure_stream(name, REQUEST)
        stream = measure_stream(name, b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        print(f"{name:16} {idle:8.1f} {stream:10.1f}")


if __name__ == "__main__":
    main()
