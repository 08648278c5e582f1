"""`harness_status`: where the repository stands, in one call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from rhd.access import PROFILES, SIBLING_SPRINT
from rhd.mcpserver.large_lists import look_through
from rhd.mcpserver.tools.files import artifact_json, cards_json, left_out_json
from rhd.mcpserver.tools.output_schemas import (
    ARTIFACT,
    BOOLEAN,
    CARDS,
    INTEGER,
    LEFT_OUT,
    STRING,
    closed,
    every,
    listed,
    maybe,
)
from rhd.mcpserver.tools.runs import RUN, run_json
from rhd.mcpserver.tools.tool_spec import ALL, Call, ToolSpec
from rhd.workflow.active import Pointers, find_active, read_pointers
from rhd.workflow.artifacts import Artifact
from rhd.workflow.git import read_git_facts
from rhd.workflow.reach import may_read
from rhd.workflow.siblings import read_siblings

MAX_RUNS = 3
_RUN = {name: RUN[name] for name in ("run_id", "agent", "state", "reason", "queued_at", "ended_at", "cards")}


class _Standing(NamedTuple):
    """What the artifacts say of where the repository stands."""

    counts: dict[str, int]
    plan: Artifact | None
    sprint: Artifact | None
    handoff: Artifact | None
    check: Artifact | None


def _stand(call: Call, pointers: Pointers) -> _Standing:
    kinds = _by_kind(call.artifacts)
    return _Standing(
        {kind: len(held) for kind, held in sorted(kinds.items())},
        find_active(kinds["plan"], pointers.plan),
        find_active(kinds["sprint"], pointers.sprint),
        _newest(kinds["handoff"]),
        _newest(kinds["check"]),
    )


def _newest(artifacts: Iterable[Artifact]) -> Artifact | None:
    return max(artifacts, key=lambda a: a.recency_ns, default=None)


def _shown(artifact: Artifact | None) -> dict[str, Any] | None:
    return artifact_json(artifact) if artifact is not None else None


def _by_kind(artifacts: Iterable[Artifact]) -> Mapping[str, list[Artifact]]:
    kinds: dict[str, list[Artifact]] = defaultdict(list)
    for artifact in artifacts:
        kinds[artifact.kind].append(artifact)
    return kinds


async def _runs(call: Call) -> list[dict[str, Any]]:
    """Return the newest agent runs, shortened; get_agent_run has the rest."""
    if (runs := call.context.runs) is None:
        return []
    found = [await run_json(runs, run) for run in await runs.newest(call.repo.id, limit=MAX_RUNS)]
    return [{name: run[name] for name in _RUN} for run in found]


async def harness_status(call: Call) -> dict[str, Any]:
    """Answer `harness_status`."""
    facts = await call.service.read(read_git_facts)
    pointers = await call.service.read(read_pointers)
    standing = await look_through(
        call.context, call.caller, len(call.service.artifacts), lambda: _stand(call, pointers)
    )
    granted = call.principal.profiles[call.repo.id]
    running = call.context.registry.profiles(call.repo.id)
    # Only repositories that the caller was granted: others must not be visible through their worktrees.
    others = [s for s in call.context.services if s is not call.service and call.principal.profiles.get(s.repo.id)]
    return {
        "repo": call.repo.slug,
        "name": call.repo.name,
        "adopted": True,
        "profile": call.profile.name,
        "profiles": {
            "granted": [name for name in PROFILES if name in granted],
            "running": [name for name in PROFILES if name in running],
        },
        "branch": facts.branch,
        "worktree": {
            "is_linked": facts.is_worktree,
            "siblings": sorted(s.repo.slug for s in others if facts.family and s.family == facts.family),
            "sprints": await _sibling_sprints(call, standing.sprint),
        },
        "counts": standing.counts,
        "left_out": left_out_json(call),
        "active_plan": _shown(standing.plan),
        "active_sprint": _shown(standing.sprint),
        "newest_handoff": _shown(standing.handoff),
        "newest_check": _shown(standing.check),
        "runs": await _runs(call),
        "cursor": call.service.changes.cursor,
        "server_version": call.context.version,
        "tools_hash": call.tools_hash,
    }


_SIBLING_SPRINT = every(branch=maybe(STRING), status=maybe(STRING), cards=CARDS)


async def _sibling_sprints(call: Call, sprint: Artifact | None) -> list[dict[str, Any]]:
    """Return how far other worktrees are with the active sprint; of adopted ones, only those that were granted."""
    if sprint is None or not may_read(SIBLING_SPRINT, sprint.path):
        return []
    found = []
    for sibling in await call.service.read(lambda root: read_siblings(root, sprint.path)):
        adopted = call.context.registry.by_path(sibling.path)
        if adopted is None or call.principal.profiles.get(adopted.id):
            found.append(
                {"branch": sibling.branch, "status": sibling.outline.status, "cards": cards_json(sibling.outline)}
            )
    return found


STATUS = ToolSpec(
    name="harness_status",
    title="Harness status",
    description=(
        "Use this when you begin, or want to know where the work stands: branch, active plan and sprint with their "
        "progress, newest handoff and check. It also counts the artifacts of each kind, lists the last agent runs, "
        "and says how far other worktrees are with the sprint. If left_out is not null, some artifacts are missing: "
        "it names them and says why. Pass cursor to list_workflow_changes. If tools_hash differs from an earlier "
        "answer, the tools have changed: refresh the connector."
    ),
    profiles=ALL,
    input=closed([]),
    output=every(
        repo=STRING,
        name=STRING,
        adopted=BOOLEAN,
        profile=STRING,
        profiles=every(granted=listed(STRING), running=listed(STRING)),
        branch=maybe(STRING),
        worktree=every(is_linked=BOOLEAN, siblings=listed(STRING), sprints=listed(_SIBLING_SPRINT)),
        counts={"type": "object", "additionalProperties": INTEGER},
        left_out=LEFT_OUT,
        active_plan=maybe(ARTIFACT),
        active_sprint=maybe(ARTIFACT),
        newest_handoff=maybe(ARTIFACT),
        newest_check=maybe(ARTIFACT),
        runs=listed(every(**_RUN)),
        cursor=STRING,
        server_version=STRING,
        tools_hash=STRING,
    ),
    handler=harness_status,
)
