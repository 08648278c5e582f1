"""Prompts: the four steps of the planning chain, and what completes their arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import mcp_types as types

from rhd.errors import Refusal
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.large_lists import look_through
from rhd.mcpserver.permissions import choose_repo, granted_repos
from rhd.mcpserver.resources import readable_artifacts
from rhd.mcpserver.tool_context import ToolContext
from rhd.repos.registry import Repo
from rhd.workflow.artifacts import Artifact
from rhd.workflow.redaction.redact import redact_path

MAX_COMPLETIONS = 100


@dataclass(frozen=True, slots=True)
class PromptSpec:
    """One prompt.

    Attributes:
        arguments: `(name, description, is_required)`; all texts.
        text: what the user says, with the arguments' names in braces.
        kinds: per argument that names an artifact, the kind that completes it.
    """

    name: str
    title: str
    description: str
    arguments: tuple[tuple[str, str, bool], ...]
    text: str
    kinds: Mapping[str, str]


PROMPTS = {
    spec.name: spec
    for spec in (
        PromptSpec(
            "prd_from_idea",
            "PRD from an idea",
            "Turn an idea into a PRD in plans/prds.",
            (("idea", "The idea, in your own words.", True),),
            "Turn this idea into a PRD for {repo}. First look at harness_status, docs/spec.md and the PRDs, "
            "so that you neither repeat nor contradict them. Ask me what you cannot know, then call "
            "write_prd_from_idea with success criteria that can be checked, and tell me its path.\n\nThe idea:\n{idea}",
            {},
        ),
        PromptSpec(
            "sprint_from_prd",
            "Sprint from a PRD",
            "Turn a PRD into a sprint of task cards.",
            (("prd_path", "The PRD's path.", True),),
            "Read {prd_path} of {repo} and turn it into a sprint: call write_checklist_sprint with task cards in the "
            "order of work. Each card is one slice that can be finished and verified by itself; name its files, "
            "its checks (commands) and what else to observe. Cards, not prose.",
            {"prd_path": "prd"},
        ),
        PromptSpec(
            "goal_from_sprint",
            "Goal from a sprint",
            "Prepare the goal that the local agent carries out.",
            (("sprint_path", "The sprint's path.", True), ("prd_path", "The PRD's path.", True)),
            "Read {sprint_path} and {prd_path} of {repo}. If the cards are in order and each can be checked, call "
            "prepare_codex_goal_from_sprint and show me the prompt that it returns; otherwise say what is missing.",
            {"sprint_path": "sprint", "prd_path": "prd"},
        ),
        PromptSpec(
            "review_handoff",
            "Review the handoff",
            "Review what the local agent left behind.",
            (),
            "Call latest_handoff and latest_checks for {repo}, then read the active sprint. Tell me which cards are "
            "done with evidence, which claim to be done without, what is at risk, and what should come next.",
            {},
        ),
    )
}


def list_prompts(is_hub: bool) -> dict[str, Any]:
    """Answer `prompts/list`."""
    return {
        "prompts": [
            {
                "name": spec.name,
                "title": spec.title,
                "description": spec.description,
                "arguments": [
                    {"name": name, "description": description, "required": is_required}
                    for name, description, is_required in _arguments(spec, is_hub)
                ],
            }
            for spec in PROMPTS.values()
        ]
    }


def _arguments(spec: PromptSpec, is_hub: bool) -> tuple[tuple[str, str, bool], ...]:
    repo = (("repo", "Which repository; leave out if only one was granted.", False),)
    return (*spec.arguments, *repo) if is_hub else spec.arguments


def get_prompt(
    context: ToolContext, caller: Caller, repo: Repo | None, name: str, arguments: Mapping[str, str]
) -> dict[str, Any]:
    """Answer `prompts/get`.

    Raises:
        Refusal: NOT_FOUND, INVALID_ARGUMENT or REPO_NOT_FOUND.
    """
    spec = PROMPTS.get(name)
    if spec is None:
        raise Refusal("there is no prompt of that name", code="NOT_FOUND", next_step="List the prompts again.")
    missing = [n for n, _, is_required in spec.arguments if is_required and not arguments.get(n, "").strip()]
    if missing:
        raise Refusal("missing: " + ", ".join(missing), code="INVALID_ARGUMENT")
    chosen = repo or choose_repo(context, caller.principal(), arguments.get("repo"))
    # One pass over our own text: what a caller wrote is never looked at for placeholders.
    said = spec.text.format(
        repo=f"the repository {chosen.slug}", **{n: arguments.get(n, "") for n, _, _ in spec.arguments}
    )
    return {
        "description": spec.description,
        "messages": [{"role": "user", "content": {"type": "text", "text": said}}],
    }


async def complete(
    context: ToolContext, caller: Caller, repo: Repo | None, params: types.CompleteRequestParams
) -> dict[str, Any]:
    """Answer `completion/complete` for prompts' arguments and for the resource template.

    What begins with the text that was typed stands first, then what has it anywhere.
    """
    typed = params.argument.value.casefold()
    given = (params.context.arguments or {}) if params.context is not None else {}
    values: list[str] = []
    if params.argument.name in ("repo", "slug"):
        values = [r.slug for r in granted_repos(context, caller.principal())] if repo is None else [repo.slug]
    elif (kind := _completed_kind(params)) is not None:
        named = given.get("repo") or given.get("slug")
        readable = await readable_artifacts(context, caller, repo)
        wanted = partial(_paths_of, readable, kind, named)
        values = await look_through(context, caller, len(readable), wanted)
    found = await look_through(context, caller, len(values), partial(_beginning_with, values, typed))
    shown = found[:MAX_COMPLETIONS]
    return {"completion": {"values": shown, "total": len(found), "hasMore": len(found) > len(shown)}}


def _paths_of(readable: Iterable[tuple[Repo, Artifact]], kind: str, slug: str | None) -> list[str]:
    return [redact_path(a.path) for repo, a in readable if kind in ("", a.kind) and slug in (None, repo.slug)]


def _beginning_with(values: Iterable[str], typed: str) -> list[str]:
    """Return the values that have `typed` in them, those first that begin with it."""
    found = [v for v in dict.fromkeys(values) if typed in v.casefold()]
    return sorted(found, key=lambda v: not v.casefold().startswith(typed))


def _completed_kind(params: types.CompleteRequestParams) -> str | None:
    """Return the kind of artifact that an argument takes, `` for any, None if it takes none."""
    if isinstance(params.ref, types.PromptReference):
        spec = PROMPTS.get(params.ref.name)
        return spec.kinds.get(params.argument.name) if spec is not None else None
    return "" if params.argument.name == "path" else None
