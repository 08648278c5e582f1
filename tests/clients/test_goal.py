"""The real Codex carries out a goal of two cards in its sandbox; a client over HTTP reads each step."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
import trio

from tests.clients.agent_model import agent_model
from tests.clients.client_home import Seat
from tests.clients.codex import Codex
from tests.support.attached import told
from tests.support.made_grants import connected

RUN_WITHIN_S = 120
NOTES = ".ai/harness/handoff/notes.md"
CARDS = [
    {
        "title": "Say hello",
        "objective": "It prints hello:\n\n```sh\n$ python3 hello.py\nhello\n```",
        "files": ["hello.py"],
        "checks": ["python3 hello.py | grep -x hello"],
    },
    {
        "title": "Greet by name",
        "objective": "A name is greeted",
        "checks": ["python3 hello.py Ann | grep Ann"],
        "observations": ["No name still prints hello"],
    },
]
TICK = """\
import pathlib, re
path = pathlib.Path({sprint!r})
parts = re.split(r"(?m)^(?=##)", path.read_text())
for place, part in enumerate(parts):
    if part.startswith({section!r}):
        parts[place] = part.replace("- [ ]", "- [x]").replace("Result:", "Result: ran it, it passed")
    if part.startswith("## Backlog"):
        parts[place] = part.replace("| {number} | [ ] |", "| {number} | [x] |")
path.write_text("".join(parts))
"""


def tick(sprint: str, section: str, number: int = 0) -> str:
    """Return the command that reports a card, or the final acceptance, as the sprint's rules say."""
    return f"python3 - <<'EOF'\n{TICK.format(sprint=sprint, section=section, number=number)}EOF"


@pytest.fixture
def codex(seat: Seat, kept_to_loopback: None) -> Codex:
    """Codex, new."""
    return Codex(seat)


async def test_codex_carries_a_goal_out_and_each_step_is_seen(codex: Codex) -> None:
    seat = codex.seat
    async with connected(seat.url, await seat.token(seat.url)) as client:

        async def call(tool: str, **arguments: Any) -> dict[str, Any]:
            return told(await client.call_tool(tool, arguments))

        idea = {"title": "Greetings", "idea": "A program that greets.", "success_criteria": ["It greets by name"]}
        prd = await call("write_prd_from_idea", **idea)
        sprint = await call("write_checklist_sprint", title="Greetings", prd_path=prd["path"], tasks=CARDS)
        path = sprint["path"]
        goal = await call("prepare_codex_goal_from_sprint", prd_path=prd["path"], sprint_path=path)
        marker = seat.repository.path / ".ai/harness/sprint/active-sprint"
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text(f"{path}\n")
        printed = seat.run("rhctl", "goal", "--home", str(seat.daemon.home))
        assert printed.stdout == goal["prompt"] + "\n"

        steps: list[tuple[str, tuple[int, bool]]] = [
            (f"cat {goal['path']} {path}", (0, False)),
            ("printf 'import sys\\nprint(*[\"hello\", *sys.argv[1:]])\\n' > hello.py", (0, False)),
            (CARDS[0]["checks"][0], (0, False)),
            (tick(path, "### Task Card 1:", 1), (1, False)),
            (" && ".join([CARDS[1]["checks"][0], "python3 hello.py"]), (1, False)),
            (tick(path, "### Task Card 2:", 2), (2, False)),
            (tick(path, "## Final Acceptance"), (2, True)),
            (f"printf '\\n## Codex\\n\\nBoth cards are done.\\n' >> {NOTES}", (2, True)),
        ]
        gates = [threading.Event() for _ in range(len(steps) + 1)]
        with agent_model(*(command for command, _ in steps)) as model:
            answer = model.answer

            def answer_once_asked(where: str, request: dict[str, Any]) -> bytes:
                turn = sum(item.get("type") == "function_call_output" for item in request["input"])
                gates[min(turn, len(steps))].wait(RUN_WITHIN_S)
                return answer(where, request)

            model.answer = answer_once_asked  # type: ignore[method-assign]
            codex.configure(model.codex_configuration())
            codex.trust()
            words = ("exec", "--json", "--sandbox", "workspace-write", "-")
            async with seat.running(codex.program, *words, is_logging=True) as run:
                await run.input.send_all(printed.stdout.encode())
                await run.input.aclose()
                with trio.fail_after(RUN_WITHIN_S):
                    for gate, (_, (done, is_finished)) in zip(gates, steps, strict=False):
                        cursor = (await call("harness_status"))["cursor"]
                        gate.set()
                        while (cards := (await call("harness_status"))["active_sprint"]["cards"]) != {
                            "done": done,
                            "total": 2,
                            "finished": is_finished,
                        }:
                            assert cards["done"] <= done, "nothing is shown before it is there"
                            cursor = (await call("list_workflow_changes", since=cursor, wait_s=5))["cursor"]
                    gates[-1].set()
                    assert await run.until_end() == 0
            heard = str(model.heard)
        handoffs = (await call("latest_handoff"))["handoffs"]

    items = [json.loads(line).get("item", {}) for line in run.said.splitlines() if line.startswith("{")]
    ran = [item["exit_code"] for item in items if item.get("type") == "command_execution" and "exit_code" in item]
    assert [code for code in ran if code is not None] == [0] * len(steps), (
        "a sandbox refuses nothing that the goal asks"
    )
    assert "The contract is .ai/harness/handoff/codex-goal.md" in heard
    assert "Both cards are done." in next(note["content"] for note in handoffs if note["path"] == NOTES)
    assert seat.repository.read("hello.py")
