"""What an agent takes for a model: it asks for one tool of our server after another, in the agent's own API."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.clients.model_server import JSON, serving_model

LAST_WORDS = "All of it is done."
Results: TypeAlias = list[str]


@dataclass(frozen=True)
class Step:
    """One call that the model asks for.

    Attributes:
        tool: its name at our server; agents put something before it.
        arguments: makes them from the results so far, as the agent reported them.
        before: is run first, once.
    """

    tool: str
    arguments: Callable[[Results], dict[str, Any]]
    before: Callable[[], object] | None = None


@dataclass
class ToolModel:
    """A scripted model.

    Attributes:
        offered: the names of the tools that the agent offers.
        results: what the agent reported of each call.
    """

    steps: Sequence[Step]
    port: int = 0
    offered: list[str] = field(default_factory=list)
    results: Results = field(default_factory=list)
    _prepared: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self.port}"

    def answer(self, path: str, request: dict[str, Any]) -> tuple[bytes, str]:
        """Return the next turn and its content type."""
        api = next(api for end, api in APIS.items() if path.partition("?")[0].endswith(end))
        offered = api.offered(request)
        with self._lock:
            call = self._next(offered, api.results(request)) if offered else None
        return api.turn(call, request), "text/event-stream"

    def _next(self, offered: list[str], results: Results) -> Call | None:
        self.offered, self.results = offered, results
        turn = len(results)
        if turn >= len(self.steps):
            return None
        step = self.steps[turn]
        if self._prepared <= turn:
            self._prepared = turn + 1
            if step.before is not None:
                step.before()
        name = next((name for name in offered if name.endswith(step.tool)), step.tool)
        return Call(turn, name, step.arguments(results))


@dataclass(frozen=True)
class Call:
    """A call as the agent is asked for it."""

    turn: int
    name: str
    arguments: dict[str, Any]


def _text_of(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(str(block.get("text", "")) for block in content)


class _Chat:
    """OpenAI's chat completions."""

    @staticmethod
    def offered(request: dict[str, Any]) -> list[str]:
        return [tool["function"]["name"] for tool in request.get("tools") or ()]

    @staticmethod
    def results(request: dict[str, Any]) -> Results:
        return [_text_of(message["content"]) for message in request["messages"] if message["role"] == "tool"]

    @staticmethod
    def turn(call: Call | None, request: dict[str, Any]) -> bytes:
        delta: dict[str, Any] = {"role": "assistant", "content": LAST_WORDS}
        if call is not None:
            function = {"name": call.name, "arguments": json.dumps(call.arguments)}
            calls = [{"index": 0, "id": f"call_{call.turn}", "type": "function", "function": function}]
            delta = {"role": "assistant", "content": None, "tool_calls": calls}
        kind = {"id": "c", "created": 1, "model": request["model"], "object": "chat.completion.chunk"}
        usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
        reason = "stop" if call is None else "tool_calls"
        if not request.get("stream"):
            message = {**delta, "tool_calls": delta.get("tool_calls")}
            choice = {"index": 0, "message": message, "finish_reason": reason}
            return json.dumps({**kind, "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
        chunks: list[dict[str, Any]] = [
            {**kind, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
            {**kind, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
            {**kind, "choices": [], "usage": usage},
        ]
        return b"".join(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks) + b"data: [DONE]\n\n"


class _Gemini:
    """Google's generateContent."""

    @staticmethod
    def offered(request: dict[str, Any]) -> list[str]:
        return [each["name"] for tool in request.get("tools") or () for each in tool.get("functionDeclarations", ())]

    @staticmethod
    def results(request: dict[str, Any]) -> Results:
        parts = [part for content in request["contents"] for part in content.get("parts", ())]
        told = [part["functionResponse"]["response"] for part in parts if "functionResponse" in part]
        return [str(each.get("output", each.get("error", each))) for each in told]

    @staticmethod
    def turn(call: Call | None, request: dict[str, Any]) -> bytes:
        part: dict[str, Any] = {"text": LAST_WORDS}
        if call is not None:
            part = {"functionCall": {"id": f"f{call.turn}", "name": call.name, "args": call.arguments}}
        content = {"role": "model", "parts": [part]}
        usage = {"promptTokenCount": 7, "candidatesTokenCount": 3, "totalTokenCount": 10}
        candidate = {"index": 0, "content": content, "finishReason": "STOP"}
        return f"data: {json.dumps({'candidates': [candidate], 'usageMetadata': usage})}\n\n".encode()


class _Messages:
    """Anthropic's messages."""

    @staticmethod
    def offered(request: dict[str, Any]) -> list[str]:
        return [tool["name"] for tool in request.get("tools") or ()]

    @staticmethod
    def results(request: dict[str, Any]) -> Results:
        blocks = [
            block
            for message in request["messages"]
            if isinstance(message["content"], list)
            for block in message["content"]
        ]
        return [_text_of(block.get("content", "")) for block in blocks if block.get("type") == "tool_result"]

    @staticmethod
    def turn(call: Call | None, request: dict[str, Any]) -> bytes:
        block: dict[str, Any] = {"type": "text", "text": ""}
        delta: dict[str, Any] = {"type": "text_delta", "text": LAST_WORDS}
        if call is not None:
            block = {"type": "tool_use", "id": f"toolu_{call.turn}", "name": call.name, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(call.arguments)}
        usage = {"input_tokens": 7, "output_tokens": 3}
        message = {"id": "m", "type": "message", "role": "assistant", "model": request["model"], "content": []}
        message |= {"stop_reason": None, "stop_sequence": None, "usage": usage}
        reason = {"stop_reason": "end_turn" if call is None else "tool_use", "stop_sequence": None}
        return _events(
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": reason, "usage": {"output_tokens": 3}},
            {"type": "message_stop"},
        )


def _events(*events: dict[str, Any]) -> bytes:
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


APIS: dict[str, type[_Chat] | type[_Gemini] | type[_Messages]] = {
    "/chat/completions": _Chat,
    ":streamGenerateContent": _Gemini,
    "/messages": _Messages,
}
"""By the end of the path, the API."""


@contextmanager
def tool_model(*steps: Step) -> Iterator[ToolModel]:
    """Yield a model that listens on loopback."""
    model = ToolModel(steps)

    def answer(path: str, body: dict[str, Any]) -> tuple[bytes, str]:
        where = path.partition("?")[0]
        if where.endswith(tuple(APIS)):
            return model.answer(path, body)
        if where.endswith(":generateContent"):
            text = json.dumps({"text": "{}"})
            return f'{{"candidates": [{{"content": {{"parts": [{text}]}}}}]}}'.encode(), JSON
        return b'{"totalTokens": 7, "input_tokens": 7}', JSON

    with serving_model(answer) as model.port:
        yield model
