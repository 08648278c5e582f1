from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rhd.access import PROFILES
from rhd.mcpserver.tools.tool_spec import ALL, Call, ToolSpec
from rhd.mcpserver.tools.tool_table import TOOLS
from tests.support.mcp_client import Desk, seated
from tests.support.repositories import Repository


def test_only_what_is_about_no_repository_is_of_the_hub_alone() -> None:
    assert [spec.name for spec in TOOLS.values() if spec.is_of_hub] == ["list_repos"]
    assert not replace(TOOLS["list_repos"], handler=TOOLS["harness_status"].handler).is_of_hub


def test_all_means_every_profile() -> None:
    assert tuple(PROFILES) == ALL


async def test_a_call_sees_what_its_running_profiles_may_read(tmp_path: Path, repository: Repository) -> None:
    repository.write("tasks/lessons.md", "# Lessons\n")
    async with seated(tmp_path / "rhd.db", repository) as desk:
        assert _seen(desk, "planner") < _seen(desk, "planner", "executor") == _seen(desk, "executor")
        assert "tasks/lessons.md" not in _seen(desk, "planner")
        assert _seen(desk) == set()


def _seen(desk: Desk, *profiles: str) -> set[str]:
    held = tuple(PROFILES[name] for name in profiles)
    principal = desk.principal()
    assert principal is not None
    call = Call(None, principal, PROFILES["planner"], held, desk.repo, desk.service, desk.context, {}, "")  # type: ignore[arg-type]
    return {str(artifact.path) for artifact in call.artifacts}


def test_a_tool_reads_and_repeats_safely_unless_it_says_otherwise() -> None:
    spec = ToolSpec("n", "t", "d", ALL, {}, {}, None)
    assert (spec.is_writing, spec.is_destructive, spec.is_idempotent, spec.target) == (False, False, True, None)
