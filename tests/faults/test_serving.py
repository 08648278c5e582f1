"""Long proofs of serving: restarts under load, hostile clients without end, too few descriptors."""

from __future__ import annotations

import random
import resource
import socket
import time

import pytest
import trio

from tests.support.serving_client import Client
from tests.support.serving_load import Load
from tests.support.serving_process import ServerProcess, server_process

pytestmark = pytest.mark.timeout(1200)

QUARTERS, RESTARTS, CLIENTS, CALLS_PER_S = 4, 25, 25, 50
MUTATIONS = 20_000


@pytest.fixture(autouse=True)
def many_descriptors() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.mark.parametrize("quarter", range(1, QUARTERS + 1))
async def test_a_hundred_restarts_under_load_lose_no_call(quarter: int, capsys: pytest.CaptureFixture[str]) -> None:
    """One process after another serves a socket that outlives them; clients reconnect only where HTTP lets them."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as sock:
        load = Load(sock.getsockname()[1])
        ends: list[float] = []
        async with trio.open_nursery() as clients:
            for _ in range(CLIENTS):
                clients.start_soon(load.call_for_ever, CLIENTS / CALLS_PER_S)
            for _ in range(RESTARTS):
                await trio.to_thread.run_sync(one_life, sock, ends)
            clients.cancel_scope.cancel()
    with capsys.disabled():
        print(
            f"\nquarter {quarter}: {RESTARTS} restarts, {load.answers} calls, {load.endings} connections told to end, "
            f"{len(load.failures)} failures, longest drain {max(ends):.2f} s"
        )
    assert load.failures == []
    assert load.answers > RESTARTS * 10
    assert max(ends) < 3


def one_life(sock: socket.socket, ends: list[float]) -> None:
    """Let a server live for a moment, and end it."""
    with server_process(sock) as server:
        time.sleep(random.uniform(0.1, 0.6))
        begun = time.monotonic()
        server.terminate()
        assert server.wait() == 0
        ends.append(time.monotonic() - begun)


SEEDS = [
    b"GET /wait HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET /deaf HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
    b"POST /deaf HTTP/1.0\r\nContent-Length: 100\r\n\r\nhalf",
    b"GET http://a/flood HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n",
    b"GET /raise-late HTTP/1.1\r\nHost: x\r\n\r\nGET /cancels-itself HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(40),
]
PIECES = [
    b"\r\n",
    b"\r\n\r\n",
    b"\0",
    b"\xff",
    b": ",
    b" ",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 3\r\n",
    b"0\r\n\r\n",
]


def mutate(rng: random.Random) -> bytes:
    """Return a request with a few bytes changed, dropped, doubled or put in."""
    data = bytearray(rng.choice(SEEDS))
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(data) or 1)
        match rng.randrange(4):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del data[at : at + rng.randrange(20)]
            case 2:
                data[at:at] = rng.choice(PIECES)
            case _:
                data[at:at] = data[at : at + rng.randrange(40)]
    return bytes(data)


async def attack(port: int, rng: random.Random, number: int) -> None:
    """Send mutations, in pieces, and hang up in every way."""
    for _ in range(number):
        client = await Client.open(port)
        data = mutate(rng)
        cut = rng.randrange(len(data) + 1)
        await client.send(data[:cut])
        if rng.random() < 0.5:
            await trio.sleep(rng.random() * 0.003)
        await client.send(data[cut:])
        if rng.random() < 0.5:
            with trio.move_on_after(0.002):
                await client.receive()
        if rng.random() < 0.5:
            client.reset()
        else:
            client.close()


async def wait_settled(server: ServerProcess, descriptors: int) -> None:
    with trio.fail_after(20):
        while server.count_descriptors() > descriptors:
            await trio.sleep(0.05)


async def test_no_mutation_of_a_request_harms_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    seed = random.randrange(2**32)
    with socket.create_server(("127.0.0.1", 0), backlog=512) as sock, server_process(sock) as server:
        port = sock.getsockname()[1]
        descriptors = server.count_descriptors()
        await attack(port, random.Random(0), 500)
        await wait_settled(server, descriptors)
        before = server.memory_bytes()
        async with trio.open_nursery() as nursery:
            for lane in range(10):
                nursery.start_soon(attack, port, random.Random(seed + lane), MUTATIONS // 10)
        await wait_settled(server, descriptors)
        grown = server.memory_bytes() - before
        client = await Client.open(port)
        assert (await client.request("/still-there")).status == 200
        client.close()
    with capsys.disabled():
        print(f"\n{MUTATIONS} mutations (seed {seed}), memory grew by {grown // 1024} KiB")
    assert grown < 4 << 20


async def test_a_thousand_slow_clients_cost_memory_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Slow heads, slow bodies, streams, and floods that no client reads, a quarter each."""
    kinds = [
        b"GET / HTTP/1.1\r\nHost: x\r\nX: ",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nhalf",
        b"GET /silent HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n",
    ]
    with socket.create_server(("127.0.0.1", 0), backlog=512) as sock, server_process(sock) as server:
        port = sock.getsockname()[1]
        descriptors, before = server.count_descriptors(), server.memory_bytes()
        clients = [await Client.open(port, receive_buffer=4096) for _ in range(1000)]
        for number, client in enumerate(clients):
            await client.send(kinds[number % 4])
        honest = await Client.open(port)
        for _ in range(100):
            assert (await honest.request("/", method="POST", body=b"{}")).status == 200
        grown = (server.memory_bytes() - before) / 1000
        begun = time.monotonic()
        server.terminate()
        assert await trio.to_thread.run_sync(server.wait) == 0
        took = time.monotonic() - begun
        for client in [*clients, honest]:
            client.close()
    with capsys.disabled():
        print(f"\n1000 slow clients, {grown / 1024:.0f} KiB each, drained in {took:.2f} s, {descriptors} descriptors")
    assert took < 3.2
    assert grown < 200 * 1024


async def test_too_few_descriptors_neither_end_nor_spin_the_server() -> None:
    """Sixty-four descriptors, all taken by others or by connections in a request."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as sock, server_process(sock, descriptors=64) as server:
        port = sock.getsockname()[1]
        descriptors = server.count_descriptors()
        clients = [await Client.open(port) for _ in range(200)]
        for client in clients:
            await client.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        cpu = server.cpu_s()
        await trio.sleep(2)
        assert server.cpu_s() - cpu < 0.5
        assert server.count_descriptors() <= 64
        for client in clients:
            client.close()
        await wait_settled(server, descriptors)
        late = await Client.open(port)
        assert (await late.request("/")).status == 200
        late.close()
