"""Reads the events of `codex exec --json`. Unknown events and keys are passed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rhd.runner.run_progress import Item, RunProgress, tail, text_of


def read_codex(event: Mapping[str, Any], progress: RunProgress) -> list[Item]:
    """Read one event into the progress; return what the owner is shown of it."""
    progress.is_waiting = False
    match event.get("type"):
        case "thread.started":
            progress.session = text_of(event.get("thread_id")) or None
        case "item.started" | "item.updated" | "item.completed":
            item = event.get("item")
            if isinstance(item, Mapping):
                return _read_item(item, progress, is_done=event["type"] == "item.completed")
        case "error":
            # "Reconnecting…" arrives as this, without end while there is no network; a real failure is told once more
            # by turn.failed.
            progress.is_waiting = True
            return [Item("note", text_of(event.get("message")))]
        case "turn.failed":
            error = event.get("error")
            progress.problem = (
                text_of(error.get("message") if isinstance(error, Mapping) else error) or "the turn failed"
            )
            progress.problem_kind = "agent_error"
            progress.has_ended = True
            return [Item("error", progress.problem)]
        case "turn.completed":
            progress.has_ended = True
            if isinstance(usage := event.get("usage"), Mapping):
                progress.input_tokens = _count(usage.get("input_tokens"))
                progress.output_tokens = _count(usage.get("output_tokens"))
    return []


def _read_item(item: Mapping[str, Any], progress: RunProgress, *, is_done: bool) -> list[Item]:
    id_, status = text_of(item.get("id")), item.get("status")
    match item.get("type"):
        case "command_execution":
            command = text_of(item.get("command"))
            if not is_done:
                is_new = id_ not in progress.running
                progress.running[id_] = command
                return [Item("command", command, "started")] if is_new else []
            code = item.get("exit_code")
            is_failed = status != "completed" or (isinstance(code, int) and code != 0)
            progress.end_command(id_, is_failed=is_failed)
            output = tail(text_of(item.get("aggregated_output")))
            return [Item("command", command, _word(is_failed), output, code if isinstance(code, int) else None)]
        case "file_change" if is_done:
            changes = item.get("changes")
            paths = [
                path
                for change in (changes if isinstance(changes, list) else ())
                if isinstance(change, Mapping) and (path := text_of(change.get("path")))
            ]
            if status == "completed":
                for path in paths:
                    progress.add_file(path)
            return [Item("file", path, _word(status != "completed")) for path in paths]
        case "mcp_tool_call" | "web_search" as kind:
            name = f"{text_of(item.get('server'))}.{text_of(item.get('tool'))}" if kind == "mcp_tool_call" else kind
            if not is_done:
                progress.running[id_] = name
                return []
            progress.running.pop(id_, None)
            progress.tools += 1
            return [Item("tool", name, _word(status not in ("completed", None)))]
        case "agent_message" if is_done:
            text = text_of(item.get("text"))
            progress.add_message(text)
            return [Item("message", text)]
        case "todo_list":
            items = item.get("items")
            entries = [entry for entry in (items if isinstance(items, list) else ()) if isinstance(entry, Mapping)]
            return [Item("plan", "\n".join(f"[{'x' if e.get('completed') else ' '}] {e.get('text')}" for e in entries))]
        case "error" if is_done:  # warnings come as this
            return [Item("note", text_of(item.get("message")))]
    return []


def _word(is_failed: bool) -> str:
    return "failed" if is_failed else "ok"


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
