"""`goal`: the prompt of the prepared goal, for a person to give to an agent."""

from __future__ import annotations

from typing import Any

from rhd.access import GOAL, GOAL_HANDOVER
from rhd.control.lookup import PARAMS, find_repo
from rhd.control.verb import Verb, VerbCall
from rhd.errors import NotFound
from rhd.rel_path import RelPath
from rhd.workflow.documents.goal import DEFAULT_PROMPT, read_prompt
from rhd.workflow.reading import MAX_BYTES, read_page


async def run(request: VerbCall) -> dict[str, Any]:
    """Return the prompt that stands in the goal; of a goal without one, a prompt that names the goal."""
    context, path = request.context, RelPath(GOAL)
    repo = await find_repo(context, request.params)
    service = context.services.get(repo.id)
    try:
        page = await service.read(lambda root: read_page(root, path, GOAL_HANDOVER, context.key, page_chars=MAX_BYTES))
    except NotFound:
        raise NotFound(
            f"{repo.slug} has no goal yet",
            next_step="Ask the planner to prepare one from a sprint (prepare_codex_goal_from_sprint).",
        ) from None
    return {"slug": repo.slug, "path": path, "prompt": read_prompt(page.content) or DEFAULT_PROMPT}


VERB = Verb("goal", run, PARAMS)
