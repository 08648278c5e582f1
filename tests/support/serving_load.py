"""Clients that call in a loop and reconnect only where HTTP lets them: what a restart must not show to."""

from __future__ import annotations

import random
import select
from dataclasses import dataclass, field

import h11
import trio

from tests.support.serving_client import Client, Ended


@dataclass
class Load:
    """What the clients saw.

    Attributes:
        target: what they POST to, with `headers` and `body`.
        wanted: what has to be in every answer.
        answers: how many requests were answered.
        endings: how many connections ended with an announcement, as HTTP has it.
        failures: what went wrong otherwise.
    """

    port: int
    target: str = "/call"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    wanted: bytes = b""
    answers: int = 0
    endings: int = 0
    failures: list[str] = field(default_factory=list)

    async def call_for_ever(self, pause_s: float) -> None:
        """Be one client that pauses about `pause_s` between its calls."""
        client = await Client.open(self.port)
        try:
            while True:
                if not _is_open(client) or not await self._call(client):
                    client.close()
                    client = await Client.open(self.port)
                await trio.sleep(random.uniform(0, 2 * pause_s))
        finally:
            client.close()

    async def _call(self, client: Client) -> bool:
        """Make one call; return whether the connection may be used again."""
        try:
            answer = await client.request(self.target, method="POST", body=self.body, **self.headers)
        except (Ended, h11.RemoteProtocolError, trio.TooSlowError) as error:
            self.failures.append(type(error).__name__)
            return False
        if answer.status != 200 or self.wanted not in answer.body:
            self.failures.append(f"{answer.status} {answer.body[:200]!r}")
        self.answers += 1
        self.endings += answer.is_last
        return not answer.is_last


def _is_open(client: Client) -> bool:
    """Whether the server has not closed the connection while it was idle."""
    poll = select.poll()
    poll.register(client.stream.socket.fileno(), select.POLLIN)
    return not poll.poll(0)
