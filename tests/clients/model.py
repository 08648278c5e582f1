"""What Codex takes for a model: it asks for the calls that it was made with, one a turn, then says that it is done."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.clients.model_server import EVENTS, serving_model


@dataclass
class Model:
    """A scripted model.

    Attributes:
        calls: `(namespace, tool, arguments)`, in order.
        heard: what it was sent, request by request.
    """

    calls: Sequence[tuple[str, str, dict[str, Any]]]
    heard: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0

    def configuration(self) -> str:
        """Return what makes Codex use it; keys and no table, so that anything may follow."""
        about = f'name = "scripted", base_url = "http://127.0.0.1:{self.port}/v1", wire_api = "responses"'
        provider = f"model_providers = {{ scripted = {{ {about}, supports_websockets = false }} }}"
        return f'model = "scripted"\nmodel_provider = "scripted"\n{provider}\n'

    def answer(self, request: dict[str, Any]) -> bytes:
        """Return the events of its next turn."""
        self.heard.append(request)
        turn = sum(item.get("type") == "function_call_output" for item in request["input"])
        item: dict[str, Any]
        if turn < len(self.calls):
            namespace, name, arguments = self.calls[turn]
            item = {"type": "function_call", "id": f"f{turn}", "call_id": f"c{turn}", "status": "completed"}
            item |= {"namespace": namespace, "name": name, "arguments": json.dumps(arguments)}
        else:
            text = {"type": "output_text", "text": "Done.", "annotations": []}
            item = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [text]}
        usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        response = {"id": f"r{turn}", "object": "response", "status": "completed", "output": [item], "usage": usage}
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": {**response, "status": "in_progress", "output": []}},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": response},
        ]
        return b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)


@contextmanager
def model_of(*calls: tuple[str, str, dict[str, Any]]) -> Iterator[Model]:
    """Yield a model that listens on loopback."""
    model = Model(calls)

    with serving_model(lambda path, body: (model.answer(body), EVENTS)) as model.port:
        yield model
