from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest

from rhd.access import PROFILES
from rhd.mcpserver.tools.tool_spec import ToolSpec
from rhd.mcpserver.tools.tool_table import TOOLS, _table, described_tools, hints, input_schema, shown_tools, tools_hash
from tests.support.frozen_tools import FOLDER, PLACES, broken_promises, freeze

EVERYTHING = frozenset(PROFILES)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("tools-*.json")), ids=lambda path: path.stem)
def test_a_client_that_froze_the_tools_of_a_release_can_go_on_with_them(path: Any) -> None:
    assert broken_promises(json.loads(path.read_text()), freeze()) == []


def test_the_first_release_is_frozen() -> None:
    assert (FOLDER / "tools-0.1.0.json").exists()


def _rename(now: Any) -> None:
    now["hub"]["tools"]["status"] = now["hub"]["tools"].pop("harness_status")


def _hide(now: Any) -> None:
    now["repo"]["profiles"]["planner"].remove("append_handoff_note")


def _require(now: Any) -> None:
    now["repo"]["tools"]["write_prd_from_idea"]["inputSchema"]["required"].append("problem")


def _drop(now: Any) -> None:
    del now["repo"]["tools"]["write_prd_from_idea"]["inputSchema"]["properties"]["slug"]


def _shorten(now: Any) -> None:
    now["repo"]["tools"]["write_prd_from_idea"]["inputSchema"]["properties"]["title"]["maxLength"] = 100


def _nest(now: Any) -> None:
    cards = now["hub"]["tools"]["write_checklist_sprint"]["inputSchema"]["properties"]["tasks"]
    cards["items"]["required"].append("checks")


def _answer_less(now: Any) -> None:
    now["hub"]["tools"]["read_workflow_file"]["outputSchema"]["required"].remove("revision")


def _hint(now: Any) -> None:
    now["hub"]["tools"]["read_workflow_file"]["annotations"]["readOnlyHint"] = False


def _entitle(now: Any) -> None:
    now["repo"]["tools"]["read_workflow_file"]["title"] = "Read"


def _open(now: Any) -> None:
    now["repo"]["tools"]["read_workflow_file"]["inputSchema"]["additionalProperties"] = True


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_rename, "hub: harness_status is gone"),
        (_hide, "repo: planner is no longer shown append_handoff_note"),
        (_require, "repo: write_prd_from_idea: the input problem is now required"),
        (_drop, "repo: write_prd_from_idea: the input slug is gone"),
        (_shorten, "repo: write_prd_from_idea: the input title changed"),
        (_nest, "hub: write_checklist_sprint: the input tasks changed"),
        (_answer_less, "hub: read_workflow_file: its outputSchema changed"),
        (_hint, "hub: read_workflow_file: its annotations changed"),
        (_entitle, "repo: read_workflow_file: its title changed"),
        (_open, "repo: read_workflow_file: the input's additionalProperties changed"),
    ],
)
def test_a_change_that_breaks_a_frozen_client_is_found(change: Callable[[Any], None], said: str) -> None:
    now = copy.deepcopy(freeze())
    change(now)
    assert broken_promises(freeze(), now) == [said]


def test_new_tools_and_optional_inputs_break_no_client() -> None:
    now = copy.deepcopy(freeze())
    now["repo"]["tools"]["new_tool"] = now["repo"]["tools"]["harness_status"]
    now["repo"]["profiles"]["planner"].append("new_tool")
    now["repo"]["tools"]["harness_status"]["inputSchema"]["properties"]["verbose"] = {"type": "boolean"}
    assert broken_promises(freeze(), now) == []


@pytest.mark.parametrize("place", PLACES)
def test_every_tool_is_described_whole(place: str) -> None:
    for tool in described_tools(EVERYTHING, PLACES[place]):
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", tool["name"])
        assert tool["title"] == tool["annotations"]["title"]
        assert tool["description"].startswith("Use this when ")
        assert len(tool["description"]) <= 1024
        # Qwen Code shows so much of each tool: it has to be a whole sentence.
        assert "." in tool["description"][:161].replace(".ai/", ""), tool["description"][:160]
        assert set(tool["annotations"]) == {
            "title",
            "readOnlyHint",
            "destructiveHint",
            "idempotentHint",
            "openWorldHint",
        }
        for schema in (tool["inputSchema"], tool["outputSchema"]):
            jsonschema.Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object"
        assert tool["inputSchema"]["additionalProperties"] is False
        for name, schema in tool["inputSchema"]["properties"].items():
            assert schema.get("description"), f"{tool['name']}.{name}"


def _objects(schema: Any) -> Iterator[tuple[str, list[str]]]:
    """Yield of each list of objects in an input schema its description, and the names of the objects' properties."""
    for each in schema["properties"].values():
        if each["type"] == "array" and each["items"]["type"] == "object":
            yield each["description"], list(each["items"]["properties"])
            yield from _objects(each["items"])


def test_the_fields_of_a_list_of_objects_are_named_in_its_description() -> None:
    """llama-index hides the items' schema from the model."""
    found = [pair for spec in TOOLS.values() for pair in _objects(spec.input)]
    assert found
    for description, names in found:
        assert not [name for name in names if name not in description]


def test_no_optional_argument_has_to_be_filled_with_something() -> None:
    """Strict modes make every argument required: a model must be able to say nothing in it."""
    for spec in TOOLS.values():
        for path, schema in _optionals(spec.input):
            assert "pattern" not in json.dumps(schema), path
            assert schema.get("minItems", 0) == schema.get("minLength", 0) == 0, path


def _optionals(schema: Any) -> Iterator[tuple[str, Any]]:
    for name, each in schema["properties"].items():
        if name not in schema["required"]:
            yield name, each
        elif each["type"] == "array" and each["items"]["type"] == "object":
            yield from _optionals(each["items"])


def test_on_the_hub_every_tool_takes_an_optional_repository() -> None:
    for name, spec in TOOLS.items():
        hub, here = input_schema(name, True), input_schema(name, False)
        assert hub is not None
        if spec.is_of_hub:
            assert here is None
            assert "repo" not in hub["properties"]
        else:
            assert here is spec.input
            assert hub["properties"].keys() - spec.input["properties"].keys() == {"repo"}
            assert "repo" not in spec.input["properties"]
            assert hub["required"] == spec.input["required"]
    assert input_schema("nothing", True) is None
    assert input_schema("nothing", False) is None


RUNS = {"run_agent_goal", "get_agent_run", "cancel_agent_run"}


@pytest.mark.parametrize(
    ("profiles", "missing"),
    [
        ({"planner", "orchestrator"}, set()),
        ({"planner"}, RUNS),
        ({"executor"}, {"write_prd_from_idea", "write_checklist_sprint"} | RUNS),
        (
            {"orchestrator"},
            {"write_prd_from_idea", "write_checklist_sprint", "prepare_codex_goal_from_sprint", "append_handoff_note"},
        ),
        (set(), set(TOOLS)),
    ],
)
def test_each_profile_is_shown_its_tools_in_the_order_of_the_table(profiles: set[str], missing: set[str]) -> None:
    on_hub = [spec.name for spec in shown_tools(frozenset(profiles), True)]
    assert on_hub == [name for name in TOOLS if name not in missing]
    assert [spec.name for spec in shown_tools(frozenset(profiles))] == [n for n in on_hub if n != "list_repos"]


def test_hints_say_what_a_tool_does() -> None:
    writing = {name for name, spec in TOOLS.items() if not hints(spec)["readOnlyHint"]}
    assert writing == {
        "write_prd_from_idea",
        "write_checklist_sprint",
        "prepare_codex_goal_from_sprint",
        "append_handoff_note",
        "run_agent_goal",
        "cancel_agent_run",
    }
    repeated = {name for name, spec in TOOLS.items() if not hints(spec)["idempotentHint"]}
    assert repeated == {"append_handoff_note", "run_agent_goal"}
    for hint in ("destructiveHint", "openWorldHint"):
        assert {name for name, spec in TOOLS.items() if hints(spec)[hint]} == {"run_agent_goal"}


def test_what_writes_needs_a_profile_that_writes() -> None:
    for spec in TOOLS.values():
        assert set(spec.profiles) <= set(PROFILES)
        if spec.is_writing and spec.name not in RUNS:
            assert all(PROFILES[name].reach.writes for name in spec.profiles)
        assert set(spec.paths) <= set(spec.input["required"])
        assert spec.target is None or spec.target in spec.paths


def test_two_tools_of_one_name_are_found_at_the_import() -> None:
    spec = ToolSpec("harness_status", "t", "d", (), {}, {}, None)
    with pytest.raises(AssertionError, match="harness_status"):
        _table((spec, spec))


def test_the_hash_tells_lists_apart_and_is_the_same_in_every_process() -> None:
    lists = [(frozenset({name}), is_hub) for name in PROFILES for is_hub in (False, True)]
    hashes = {tools_hash(*each) for each in lists}
    assert len(hashes) == len(lists)
    assert all(re.fullmatch(r"[0-9a-f]{12}", each) for each in hashes)
    text = json.dumps(described_tools(EVERYTHING, True), sort_keys=True)
    assert json.loads(text) == list(described_tools(EVERYTHING, True)), "nothing in it depends on an order of sets"
