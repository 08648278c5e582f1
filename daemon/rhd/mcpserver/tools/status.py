"""`harness_status`: where the repository stands, in one call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from rhd.access import PROFILES
from rhd.mcpserver.tools.files import artifact_json, left_out_json
from rhd.mcpserver.tools.output_schemas import (
    ARTIFACT,
    BOOLEAN,
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
from rhd.workflow.artifacts import Artifact
from rhd.workflow.git import read_git_facts

MAX_RUNS = 3
_RUN = {name: RUN[name] for name in ("run_id", "agent", "state", "reason", "queued_at", "ended_at", "cards")}

# A plan or sprint is active in the order in which its status stands here, then any other; one that is over never is.
_ACTIVE = ("executing", "approved", "active", "draft")
_OVER = frozenset({"done", "archived", "superseded", "fulfilled"})


def find_active(artifacts: Iterable[Artifact]) -> Artifact | None:
    """Return the plan or sprint that is being worked on: the furthest in status, then the newest; none that is over."""

    def rank(artifact: Artifact) -> tuple[int, int]:
        word = _status_word(artifact)
        return (_ACTIVE.index(word) if word in _ACTIVE else len(_ACTIVE), -artifact.modified_ns)

    return min((a for a in artifacts if not _is_over(a)), key=rank, default=None)


def _is_over(artifact: Artifact) -> bool:
    cards = artifact.outline.cards
    return _status_word(artifact) in _OVER or (cards is not None and 0 < cards[1] == cards[0])


def _status_word(artifact: Artifact) -> str:
    """Return the first word of a status: `done` of `Done (2026-11-22)`."""
    words = (artifact.status or "").split(maxsplit=1)
    return words[0].strip(".,:;").lower() if words else ""


def _newest(artifacts: Iterable[Artifact]) -> Artifact | None:
    return max(artifacts, key=lambda a: a.modified_ns, default=None)


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
    kinds = _by_kind(call.artifacts)
    counts = {kind: len(held) for kind, held in sorted(kinds.items())}
    facts = await call.service.read(read_git_facts)
    granted = call.principal.profiles[call.repo.id]
    running = call.context.registry.profiles(call.repo.id)
    # Only what the caller was granted: a worktree of a repository that was not is nobody's business.
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
        },
        "counts": counts,
        "left_out": left_out_json(call),
        "active_plan": _shown(find_active(kinds["plan"])),
        "active_sprint": _shown(find_active(kinds["sprint"])),
        "newest_handoff": _shown(_newest(kinds["handoff"])),
        "newest_check": _shown(_newest(kinds["check"])),
        "runs": await _runs(call),
        "cursor": call.service.changes.cursor,
        "server_version": call.context.version,
        "tools_hash": call.tools_hash,
    }


STATUS = ToolSpec(
    name="harness_status",
    title="Harness status",
    description=(
        "Use this when you begin, or want to know where the work stands: branch, how many artifacts of each kind, the "
        "active plan and sprint with their progress, the newest handoff and check. If left_out is not null, some are "
        "not among these: it says where and why. cursor is for list_workflow_changes. If tools_hash is not what it "
        "was, the tools changed: refresh the connector."
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
        worktree=every(is_linked=BOOLEAN, siblings=listed(STRING)),
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
