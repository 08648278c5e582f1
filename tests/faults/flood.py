"""Floods a port from many connections until its standard input closes; then prints what came back, as JSON.

Kinds of floods: `requests` sends prepared requests, each as soon as the one before it on the same connection is
answered; `bodies` leaves a request unfinished on every connection and sends a little more of each in turn. A connection
that is closed is opened again at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from contextlib import suppress
from itertools import count

BODY_BYTES_PER_S = 300_000
PIECE = b"a=" + b"x" * 128


async def flood_requests(port: int, templates: list[bytes], reconnects: bool, counts: Counter[str]) -> None:
    """Send one request after another."""
    numbers = count()
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            counts["refused"] += 1
            await asyncio.sleep(0.05)
            continue
        try:
            while True:
                number = next(numbers)
                template = templates[number % len(templates)]
                writer.write(template.replace(b"########", b"%08d" % number))
                head = await reader.readuntil(b"\r\n\r\n")
                counts[head[9:12].decode()] += 1
                for line in head.lower().split(b"\r\n"):
                    if line.startswith(b"content-length:"):
                        await reader.readexactly(int(line[15:]))
                if reconnects or b"connection: close" in head.lower():
                    break
        except (OSError, asyncio.IncompleteReadError):
            counts["closed"] += 1
        finally:
            writer.close()


async def flood_bodies(port: int, connections: int, counts: Counter[str]) -> None:
    """Send a little of each of many unfinished bodies."""
    head = b"POST /token HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/x-www-form-urlencoded\r\n" % port
    head += b"Content-Length: 8000\r\n\r\n"
    writers: list[asyncio.StreamWriter | None] = [None] * connections
    pause = len(PIECE) / BODY_BYTES_PER_S
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        for number, writer in enumerate(writers):
            due += pause
            if (wait := due - loop.time()) > 0.01:
                await asyncio.sleep(wait)
            if writer is None or writer.transport.is_closing():
                counts["opened"] += 1
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.write(head)
                    writers[number] = writer
            else:
                writer.write(PIECE)
                counts["pieces"] += 1
        await asyncio.sleep(0)


async def main(order: dict[str, object]) -> None:
    """Flood until the standard input closes."""
    counts: Counter[str] = Counter()
    port, connections = int(str(order["port"])), int(str(order["connections"]))
    if order["kind"] == "bodies":
        tasks = [asyncio.ensure_future(flood_bodies(port, connections, counts))]
    else:
        templates = [str(each).encode() for each in order["templates"]]  # type: ignore[attr-defined]
        tasks = [
            asyncio.ensure_future(flood_requests(port, templates, number % 2 == 1, counts))
            for number in range(connections)
        ]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()
    print(json.dumps(counts), flush=True)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
