"""One client keeps one pair of streams through a hundred restarts of the daemon, under load."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.support.daemons import Daemon, environment
from tests.support.json_lines import JsonLines
from tests.support.repositories import Repository

pytestmark = pytest.mark.timeout(3600)

RESTARTS = 100
READERS = 3
WITHIN_S = 60
CURRENT, NOTES = "tasks/current.md", ".ai/harness/handoff/chatgpt-plan.md"


class Client:
    """A client of the handshake era on one bridge."""

    def __init__(self, process: trio.Process) -> None:
        assert process.stdout is not None
        self.process = process
        self._lines = JsonLines(process.stdout)
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[trio.Event, list[Any]]] = {}
        self._sending = trio.Lock()
        self.notified = trio.Event()
        self.told: Counter[str] = Counter()

    async def hear(self) -> None:
        """Give each answer to its question, until the bridge ends."""
        while (message := await self._lines.next()) is not None:
            if "id" in message:
                event, answers = self._waiting.pop(message["id"])
                answers.append(message)
                event.set()
            else:
                self.told[message["method"]] += 1
                if message["method"] == "notifications/resources/updated":
                    self.notified.set()

    async def send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        async with self._sending:
            await self.process.stdin.send_all(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    async def ask(self, method: str, **params: Any) -> Any:
        """Return the result of a request; an error fails."""
        number, event, answers = next(self._numbers), trio.Event(), list[Any]()
        self._waiting[number] = event, answers
        await self.send({"id": number, "method": method, "params": params})
        with trio.fail_after(WITHIN_S):
            await event.wait()
        (answer,) = answers
        assert "result" in answer, answer
        return answer["result"]

    async def call(self, tool: str, **arguments: Any) -> Any:
        return await self.ask("tools/call", name=tool, arguments=arguments)


@asynccontextmanager
async def connected(daemon: Daemon, repository: Repository) -> AsyncIterator[Client]:
    """Yield a client whose bridge was started in a repository."""
    command = [sys.executable, "-m", "rhctl", "connect", "--no-start", "--home", str(daemon.home)]
    process = await trio.lowlevel.open_process(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=repository.path, env=environment()
    )
    client = Client(process)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.hear)
        await client.ask(
            "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "load", "version": "0"}
        )
        await client.send({"method": "notifications/initialized"})
        await client.ask("resources/subscribe", uri=f"repo-harness://project/{CURRENT}")
        yield client
        assert process.poll() is None, "it is the same process"
        assert process.stdin is not None
        await process.stdin.aclose()
        with trio.fail_after(WITHIN_S):
            assert await process.wait() == 0


async def test_no_read_fails_no_notification_is_lost_and_no_write_is_done_twice(
    tmp_path: Path, repository: Repository
) -> None:
    daemon = Daemon(tmp_path / "home").start()
    daemon.rhctl("adopt", str(repository.path))
    repository.write(CURRENT, "0\n")
    done: Counter[str] = Counter()
    prds: list[str] = []
    notes: dict[str, bool] = {}
    chance = random.Random(18)

    async def read(client: Client) -> None:
        for number in itertools.count():
            tool, arguments = [("harness_status", {}), ("read_workflow_file", {"path": "AGENTS.md"})][number % 2]
            result = await client.call(tool, **arguments)
            assert not result.get("isError"), result
            done["reads"] += 1

    async def write_prds(client: Client) -> None:
        for number in itertools.count():
            title = f"Idea number {number}"
            result = await client.call("write_prd_from_idea", title=title, idea="Find things.")
            assert not result.get("isError"), result
            prds.append(result["structuredContent"]["path"])

    async def write_notes(client: Client) -> None:
        for number in itertools.count():
            body = f"Note number {number}."
            result = await client.call("append_handoff_note", body=body)
            notes[body] = not result.get("isError")
            assert notes[body] or "DAEMON_RESTARTED" in result["content"][0]["text"], result

    async def change(client: Client) -> None:
        for number in itertools.count(1):
            client.notified = trio.Event()
            repository.write(CURRENT, f"{number}\n")
            with trio.fail_after(WITHIN_S):
                await client.notified.wait()
            done["changes"] += 1
            await trio.sleep(chance.random() / 10)

    async with connected(daemon, repository) as client, trio.open_nursery() as load:
        for task in (*[read] * READERS, write_prds, write_notes, change):
            load.start_soon(task, client)
        for number in range(RESTARTS):
            await trio.sleep(0.05 + chance.random() / 2)
            await trio.to_thread.run_sync(daemon.end if number % 2 else daemon.kill)
            await trio.sleep(chance.random() / 5)
            await trio.to_thread.run_sync(daemon.start)
        before = Counter(done)
        with trio.fail_after(WITHIN_S):
            while done["reads"] < before["reads"] + 20 or done["changes"] < before["changes"] + 3:
                await trio.sleep(0.05)
        load.cancel_scope.cancel()
    daemon.end()

    print(f"{done['reads']} reads, {done['changes']} changes, {len(prds)} PRDs, {len(notes)} notes, "
          f"{sum(not is_sure for is_sure in notes.values())} of them with an unknown outcome")  # fmt: skip
    written = Counter(path.read_text().partition("\n# ")[2].partition("\n")[0] or path.name
                      for path in (repository.path / "plans/prds").glob("*.md"))  # fmt: skip
    assert max(written.values()) == 1, [title for title, count in written.items() if count > 1]
    assert len(set(prds)) == len(prds)
    text = repository.read(NOTES)
    for body, is_sure in notes.items():
        found = text.count(body)
        assert found == 1 if is_sure else found <= 1, (body, found)
