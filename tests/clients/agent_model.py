"""The model of an agent that is run: asks for shell commands, one a turn, then says that it is done.

Speaks what Codex (`/v1/responses`) and Claude Code (`/v1/messages`) ask it for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.clients.model_server import EVENTS, JSON, serving_model

LAST_WORDS = "Card 1 is done: hello.py prints hello."


@dataclass
class AgentModel:
    """A scripted model.

    Attributes:
        commands: what the agent is to run, in order.
        heard: what it was sent.
    """

    commands: Sequence[str]
    heard: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0

    def codex_configuration(self) -> str:
        """Return what makes Codex use it."""
        about = f'name = "scripted", base_url = "http://127.0.0.1:{self.port}/v1", wire_api = "responses"'
        provider = f"model_providers = {{ scripted = {{ {about}, supports_websockets = false }} }}"
        return f'model = "scripted"\nmodel_provider = "scripted"\n{provider}\n'

    def answer(self, path: str, request: dict[str, Any]) -> bytes:
        """Return the events of its next turn."""
        self.heard.append(request)
        return self._responses(request) if path.endswith("/responses") else self._messages(request)

    def _responses(self, request: dict[str, Any]) -> bytes:
        turn = sum(item.get("type") == "function_call_output" for item in request["input"])
        item: dict[str, Any]
        if turn < len(self.commands):
            item = {"type": "function_call", "id": f"f{turn}", "call_id": f"c{turn}", "status": "completed"}
            item |= {"name": "exec_command", "arguments": json.dumps({"cmd": self.commands[turn]})}
        else:
            text = {"type": "output_text", "text": LAST_WORDS, "annotations": []}
            item = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [text]}
        usage = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
        response = {"id": f"r{turn}", "object": "response", "status": "completed", "output": [item], "usage": usage}
        return _events(
            {"type": "response.created", "response": {**response, "status": "in_progress", "output": []}},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": response},
        )

    def _messages(self, request: dict[str, Any]) -> bytes:
        blocks = [
            block
            for message in request["messages"]
            for block in (message["content"] if isinstance(message["content"], list) else ())
        ]
        turn = sum(block.get("type") == "tool_result" for block in blocks)
        is_done = turn >= len(self.commands) or not any(t.get("name") == "Bash" for t in request.get("tools", ()))
        start: dict[str, Any] = {"type": "text", "text": ""}
        delta: dict[str, Any] = {"type": "text_delta", "text": LAST_WORDS}
        if not is_done:
            start = {"type": "tool_use", "id": f"toolu_{turn}", "name": "Bash", "input": {}}
            given = json.dumps({"command": self.commands[turn], "description": "work"})
            delta = {"type": "input_json_delta", "partial_json": given}
        message = {
            "id": f"msg_{turn}",
            "type": "message",
            "role": "assistant",
            "model": request["model"],
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 7, "output_tokens": 1},
        }
        reason = {"stop_reason": "end_turn" if is_done else "tool_use", "stop_sequence": None}
        return _events(
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": start},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": reason, "usage": {"output_tokens": 3}},
            {"type": "message_stop"},
        )


def _events(*events: dict[str, Any]) -> bytes:
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


@contextmanager
def agent_model(*commands: str) -> Iterator[AgentModel]:
    """Yield a model that listens on loopback."""
    model = AgentModel(commands)

    def answer(path: str, body: dict[str, Any]) -> tuple[bytes, str]:
        where = path.partition("?")[0]
        if "count_tokens" in path:
            return b'{"input_tokens": 7}', JSON
        if where.endswith(("/responses", "/messages")):
            return model.answer(where, body), EVENTS
        return b"{}", JSON

    with serving_model(answer) as model.port:
        yield model
