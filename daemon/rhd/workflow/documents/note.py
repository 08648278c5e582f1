"""Handoff notes: entries that are appended, newest last."""

from __future__ import annotations

from rhd.workflow.documents.markdown import heading, plain_block


def render_note(body: str, actor: str, created_at: str) -> str:
    """Return one entry, to be appended to a note file; it begins with a blank line."""
    return f"\n## {created_at} {heading(actor)}\n\n{plain_block(body)}\n"
