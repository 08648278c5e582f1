"""What serving costs: per request beside other servers of the same run, and per connection that waits.

Each server is a process of its own with an app that reads a tool call of the usual size and answers it. Machines and
moments differ by a factor of two; the ratios do not.
"""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import time
from typing import Any

from tests.bench.figures import Figure, Process, quantile, report

ROUNDS, WARM_UP, REQUESTS, STREAMS = 2, 300, 2000, 1000
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
    trio.run(serve, app, config)


def run_ours(sock: socket.socket) -> None:
    """rhd.web.serving."""
    import trio

    from rhd.web.serving import serve

    async def main() -> None:
        await serve(app, [trio.SocketListener(trio.socket.from_stdlib_socket(sock))], stop=trio.Event())

    trio.run(main)


STOCK = "hypercorn.trio"
SERVERS = {"asyncio, raw": run_asyncio, "trio, raw": run_trio, STOCK: run_stock, "serving": run_ours}


class Server:
    """One server in a process of its own."""

    def __init__(self, name: str) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as sock:
            self.address = sock.getsockname()
            command = [sys.executable, "-m", "tests.bench.serving", name, str(sock.fileno())]
            self._running = subprocess.Popen(command, pass_fds=[sock.fileno()])
        self.process = Process(self._running.pid)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.kill()
        self._running.wait()


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
            return (time.perf_counter() - begun) * 1e6

        for _ in range(WARM_UP):
            call()
        used = server.process.cpu_s()
        took = [call() for _ in range(REQUESTS)]
        used = server.process.cpu_s() - used
    return quantile(took, 0.5), quantile(took, 0.99), used / REQUESTS * 1e6


def measure_stream(name: str, request: bytes) -> float:
    """Return the memory of one connection on which nothing happens, in kB."""
    with Server(name) as server:
        clients = []

        def connect(number: int) -> None:
            for _ in range(number):
                client = socket.create_connection(server.address)
                client.sendall(request)
                client.recv(65536)
                clients.append(client)

        connect(100)
        before = server.process.memory_mb()
        connect(STREAMS)
        grown = server.process.memory_mb() - before
        for client in clients:
            client.close()
    return grown / STREAMS * 1e3


def main() -> None:
    """Measure and report, or be one of the servers."""
    if len(sys.argv) == 3:
        sock = socket.socket(fileno=int(sys.argv[2]))
        sock.setblocking(False)
        SERVERS[sys.argv[1]](sock)
        return
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    rounds = [{name: measure_calls(name) for name in SERVERS} for _ in range(ROUNDS)]
    best = {name: min(figures[name] for figures in rounds) for name in SERVERS}
    for number, measure in enumerate(("p50", "p99", "CPU a call")):
        for name, of in (("serving", STOCK), ("serving", "trio, raw"), ("serving", "asyncio, raw")):
            what = f"one request, {name} beside {of}"
            value, beside = best[name][number], best[of][number]
            report(Figure(what, measure, value, "µs", None, beside, of, is_steady=number == 2))
    for measure, request in (("idle", REQUEST), ("stream", b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")):
        value, beside = measure_stream("serving", request), measure_stream(STOCK, request)
        report(Figure("memory of a connection", measure, value, "kB", None, beside, STOCK, is_steady=True))


if __name__ == "__main__":
    main()
