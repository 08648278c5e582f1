"""`harness_status`: where the repository stands, in one call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from rhd.endpoint.tools.files import artifact_json, readable
from rhd.endpoint.tools.shapes import ARTIFACT, BOOLEAN, INTEGER, STRING, closed, every, listed, maybe
from rhd.endpoint.tools.spec import ALL, Call, ToolSpec
from rhd.workflow.artifacts import Artifact
from rhd.workflow.git import read_git_facts

# A plan or sprint is active in the order in which its status stands here; without one of these it is not.
_ACTIVE = ("executing", "approved", "active", "draft")
_OVER = ("done", "archived", "superseded", "fulfilled")


def find_active(artifacts: Iterable[Artifact], kind: str) -> Artifact | None:
    """Return the plan or sprint that is being worked on: the furthest in status, then the newest; none that is over."""

    def rank(artifact: Artifact) -> tuple[int, int]:
        word = (artifact.status or "").split()[0].strip(".,:;").lower() if (artifact.status or "").split() else ""
        return (_ACTIVE.index(word) if word in _ACTIVE else len(_ACTIVE), -artifact.modified_ns)

    open_ones = [
        a
        for a in artifacts
        if a.kind == kind
        and (a.status or "").lower() not in _OVER
        and not (a.total is not None and a.total and a.done == a.total)
    ]
    return min(open_ones, key=rank, default=None)


def _newest(artifacts: Iterable[Artifact], kind: str) -> Artifact | None:
    return max((a for a in artifacts if a.kind == kind), key=lambda a: a.modified_ns, default=None)


def _shown(artifact: Artifact | None) -> dict[str, Any] | None:
    return artifact_json(artifact) if artifact is not None else None


async def harness_status(call: Call) -> dict[str, Any]:
    """Answer `harness_status`."""
    artifacts = readable(call)
    facts = await call.service.read(read_git_facts)
    registry = call.backend.registry
    # Only what the caller was granted: a worktree of a repository that was not is nobody's business.
    others = [s for s in call.backend.services if s is not call.service and call.principal.profiles.get(s.repo.id)]
    return {
        "repo": call.repo.slug,
        "name": call.repo.name,
        "adopted": True,
        "profile": call.profile.name,
        "profiles": {
            "granted": sorted(call.principal.profiles.get(call.repo.id, ())),
            "running": sorted(registry.profiles(call.repo.id)),
        },
        "branch": facts.branch,
        "worktree": {
            "is_linked": facts.is_worktree,
            "siblings": sorted(s.repo.slug for s in others if facts.family and s.family == facts.family),
        },
        "counts": dict(sorted(Counter(a.kind for a in artifacts).items())),
        "active_plan": _shown(find_active(artifacts, "plan")),
        "active_sprint": _shown(find_active(artifacts, "sprint")),
        "newest_handoff": _shown(_newest(artifacts, "handoff")),
        "newest_check": _shown(_newest(artifacts, "check")),
        "runs": [],
        "cursor": call.service.changes.cursor,
        "server_version": call.backend.version,
        "tools_hash": call.tools_hash,
    }


STATUS = ToolSpec(
    name="harness_status",
    title="Harness status",
    description=(
        "Use this when you begin, or want to know where the work stands: branch, counts of artifacts, the active plan "
        "and sprint with their progress, the newest handoff and check. If tools_hash differs from before, the tools "
        "changed and the connector should be refreshed."
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
        active_plan=maybe(ARTIFACT),
        active_sprint=maybe(ARTIFACT),
        newest_handoff=maybe(ARTIFACT),
        newest_check=maybe(ARTIFACT),
        runs=listed({"type": "object"}),
        cursor=STRING,
        server_version=STRING,
        tools_hash=STRING,
    ),
    handler=harness_status,
)
