"""The tools of agent runs, as a client sees them."""

from __future__ import annotations

from rhd.mcpserver.tools.runs import CANCEL_RUN, GET_RUN, RUN_GOAL
from rhd.mcpserver.tools.tool_table import hints


def test_running_a_goal_is_annotated_as_what_it_is() -> None:
    assert hints(RUN_GOAL) == {
        "readOnlyHint": False,
        "destructiveHint": True,
        "idempotentHint": False,
        "openWorldHint": True,
    }
    assert hints(GET_RUN)["readOnlyHint"] is True
    assert hints(CANCEL_RUN) | {"idempotentHint": True} == hints(CANCEL_RUN)
    assert RUN_GOAL.profiles == GET_RUN.profiles == CANCEL_RUN.profiles == ("orchestrator",)


def test_nothing_but_the_agent_and_the_revision_can_be_said() -> None:
    assert set(RUN_GOAL.input["properties"]) == {"agent", "expected_revision"}
    assert RUN_GOAL.input["required"] == ["agent", "expected_revision"]
    assert RUN_GOAL.input["properties"]["agent"]["enum"] == ["claude", "codex"]
