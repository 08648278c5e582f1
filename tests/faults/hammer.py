"""Sends prepared requests as fast as they are answered, over many connections; prints what came back, as JSON."""

from __future__ import annotations

import json
import sys
from collections import Counter

import trio


async def main(port: int, count: int, connections: int, templates: list[bytes]) -> None:
    """Send `count` requests; `#` in a template stands for the request's number, in eight digits."""
    statuses: Counter[int] = Counter()
    numbers = iter(range(count))

    async def one() -> None:
        stream = None
        try:
            for number in numbers:
                if stream is None:
                    stream = await trio.open_tcp_stream("127.0.0.1", port)
                try:
                    request = templates[number % len(templates)].replace(b"########", b"%08d" % number)
                    await stream.send_all(request)
                    status, is_open = await answer(stream)
                except (trio.BrokenResourceError, EOFError):
                    status, is_open = 0, False
                statuses[status] += 1
                if not is_open:
                    await stream.aclose()
                    stream = None
        finally:
            if stream is not None:
                await trio.aclose_forcefully(stream)

    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(connections):
            nursery.start_soon(one)
    print(json.dumps({"statuses": statuses, "seconds": trio.current_time() - start}), flush=True)


async def answer(stream: trio.SocketStream) -> tuple[int, bool]:
    """Read one answer; return its status and whether the connection stays open."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = await stream.receive_some(65536)
        if not part:
            raise EOFError
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    headers = dict(line.partition(b":")[::2] for line in lines[1:])
    status = int(lines[0].split()[1])
    if b"content-length" in headers:
        missing = int(headers[b"content-length"]) - len(body)
        while missing > 0:
            part = await stream.receive_some(65536)
            if not part:
                raise EOFError
            missing -= len(part)
    elif status not in (204, 304):
        while not body.endswith(b"0\r\n\r\n"):
            part = await stream.receive_some(65536)
            if not part:
                raise EOFError
            body += part
    return status, headers.get(b"connection", b"").strip() != b"close"


if __name__ == "__main__":
    wanted = json.load(sys.stdin)
    trio.run(
        main, wanted["port"], wanted["count"], wanted["connections"], [t.encode("latin-1") for t in wanted["templates"]]
    )
