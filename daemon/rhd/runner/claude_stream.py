"""Reads the events of `claude -p --output-format stream-json`. Unknown events and keys are passed over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rhd.runner.run_progress import Item, RunProgress, tail, text_of

_EDITING = {"Write": "file_path", "Edit": "file_path", "MultiEdit": "file_path", "NotebookEdit": "notebook_path"}
_KINDS = {"error_max_turns": "turn_limit", "error_max_budget_usd": "budget"}
_COMMAND, _FILE, _TOOL = "command", "file", "tool"


def read_claude(event: Mapping[str, Any], progress: RunProgress) -> list[Item]:
    """Read one event into the progress; return what the owner is shown of it."""
    progress.is_waiting = False
    match event.get("type"), event.get("subtype"):
        case "system", "init":
            progress.session = text_of(event.get("session_id")) or None
        case "system", "api_retry":
            progress.is_waiting = True
            return [
                Item("note", f"the model did not answer ({text_of(event.get('error')) or 'unknown'}); trying again")
            ]
        case "system", "permission_denied":
            progress.denied += 1
            return [Item("denied", _what(progress, event) or text_of(event.get("tool_name")), "failed")]
        case "assistant", _:
            return [item for block in _blocks(event) for item in _read_block(block, event, progress)]
        case "user", _:
            return [item for block in _blocks(event) for item in _read_result(block, progress)]
        case "result", subtype:
            return _read_end(event, text_of(subtype), progress)
    return []


def _blocks(event: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    message = event.get("message")
    content = message.get("content") if isinstance(message, Mapping) else None
    for block in content if isinstance(content, list) else ():
        if isinstance(block, Mapping):
            yield block


def _read_block(block: Mapping[str, Any], event: Mapping[str, Any], progress: RunProgress) -> Iterator[Item]:
    if block.get("type") == "text" and (text := text_of(block.get("text"))):
        if event.get("parent_tool_use_id") is None:
            progress.add_message(text)
        yield Item("message", text)
    elif block.get("type") == "tool_use":
        name, given = text_of(block.get("name")), block.get("input")
        given = given if isinstance(given, Mapping) else {}
        if name == "Bash":
            kind, text = _COMMAND, text_of(given.get("command"))
            yield Item("command", text, "started")
        elif name in _EDITING:
            kind, text = _FILE, text_of(given.get(_EDITING[name]))
        else:
            kind, text = _TOOL, name
        # The kind is kept with it: the result names the id alone.
        progress.running[_key(block.get("id"), kind)] = text


def _read_result(block: Mapping[str, Any], progress: RunProgress) -> Iterator[Item]:
    if block.get("type") != "tool_result":
        return
    is_failed = block.get("is_error") is True
    for kind in (_COMMAND, _FILE, _TOOL):
        key = _key(block.get("tool_use_id"), kind)
        if (text := progress.running.get(key)) is None:
            continue
        if kind == _COMMAND:
            progress.end_command(key, is_failed=is_failed)
            yield Item("command", text, "failed" if is_failed else "ok", tail(_plain(block.get("content"))))
        else:
            del progress.running[key]
            progress.tools += 1
            if kind == _FILE and not is_failed:
                progress.add_file(text)
            yield Item(kind, text, "failed" if is_failed else "ok")


def _read_end(event: Mapping[str, Any], subtype: str, progress: RunProgress) -> list[Item]:
    progress.has_ended = True
    if isinstance(usage := event.get("usage"), Mapping):
        progress.input_tokens = _count(usage.get("input_tokens"))
        progress.output_tokens = _count(usage.get("output_tokens"))
    if isinstance(denials := event.get("permission_denials"), list):
        progress.denied = max(progress.denied, len(denials))
    text = text_of(event.get("result"))
    if event.get("is_error") is not True:
        if text and text != progress.last_message:
            progress.add_message(text)
        return []
    # "success" stands here too: 401, 429, 500, no login and no network are told by is_error alone.
    errors = event.get("errors")
    words = text or "; ".join(text_of(error) for error in (errors if isinstance(errors, list) else ()))
    progress.problem = words or f"it ended with {subtype}"
    progress.problem_kind = _KINDS.get(subtype) or _kind_of_status(event)
    return [Item("error", progress.problem)]


def _kind_of_status(event: Mapping[str, Any]) -> str:
    match event.get("api_error_status"):
        case 401 | 403:
            return "not_logged_in"
        case 429:
            return "rate_limited"
        case int():
            return "model_unavailable"
    return "model_unavailable" if event.get("api_error") == "connection_failed" else "agent_error"


def _what(progress: RunProgress, event: Mapping[str, Any]) -> str | None:
    for kind in (_COMMAND, _FILE, _TOOL):
        if (text := progress.running.get(_key(event.get("tool_use_id"), kind))) is not None:
            return text
    return None


def _key(id_: object, kind: str) -> str:
    return f"{kind}:{text_of(id_)}"


def _plain(content: object) -> str:
    if isinstance(content, list):
        return "\n".join(text_of(part.get("text")) for part in content if isinstance(part, Mapping))
    return text_of(content)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
