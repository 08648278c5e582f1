"""rhd.workflow.reach: patterns, deny at any depth, and time that a path's author cannot choose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhd.access import ARTIFACTS, EXECUTOR, GIT_FACTS, ORCHESTRATOR, PASSPHRASE_COPY, PLANNER, SCAFFOLD, Reach
from rhd.workflow.reach import may_hold, may_hold_writes, may_read, may_write


@pytest.mark.parametrize(
    ("path", "reads", "writes"),
    [
        ("AGENTS.md", True, False),
        ("docs/spec.md", True, False),
        ("docs/other.md", False, False),
        ("docs/reference-configs/a/b/c.md", True, False),
        ("plans/plan-1.md", True, False),
        ("plans/prds/a.prd.md", True, True),
        ("plans/prds/deeper/a.prd.md", True, False),
        ("plans/sprints/Größe: 计划 — v2.md", True, True),
        ("plans", False, False),
        ("plansx/a.md", False, False),
        ("xplans/a.md", False, False),
        ("a/plans/a.md", False, False),
        ("tasks/current.md", True, False),
        ("tasks/todos.md", False, False),
        (".ai/harness/handoff/codex-goal.md", True, True),
        (".ai/harness/handoff/chatgpt-plan.md", True, True),
        (".ai/harness/handoff/resume.md", True, False),
        (".ai/harness/policy.json", False, False),
        ("src/index.py", False, False),
        ("package.json", False, False),
        ("README.md", False, False),
        ("agents.md", False, False),
    ],
)
def test_what_the_planner_reaches(path: str, reads: bool, writes: bool) -> None:
    assert (may_read(PLANNER.reach, path), may_write(PLANNER.reach, path)) == (reads, writes)


def test_what_the_other_profiles_reach() -> None:
    assert may_read(EXECUTOR.reach, "tasks/todos.md")
    assert may_read(EXECUTOR.reach, ".ai/harness/policy.json")
    assert may_write(EXECUTOR.reach, ".ai/harness/handoff/notes.md")
    assert not may_write(EXECUTOR.reach, "plans/prds/a.prd.md")
    assert not may_write(EXECUTOR.reach, ".ai/harness/handoff/chatgpt-plan.md")
    assert may_read(ORCHESTRATOR.reach, "plans/prds/a.prd.md")
    assert not may_write(ORCHESTRATOR.reach, ".ai/harness/handoff/codex-goal.md")


@pytest.mark.parametrize("reach", [PLANNER.reach, EXECUTOR.reach, ORCHESTRATOR.reach, ARTIFACTS], ids=lambda r: r.name)
@pytest.mark.parametrize(
    "part",
    [
        ".git", ".GIT", ".git ", ".git.", ".g\u200cit", ".gi\u00adt", "\uff0egit",
        ".env", ".env.local", ".ENV", ".Env.production", ".ssh", ".npmrc", ".aws", ".repo-harness",
        "secrets", "Secrets", "credentials", "_ops", "id_rsa", "id_rsa.pub",
        "server.pem", "SERVER.PEM", "a.key", "a.KEY ", "vault.kdbx",
    ],
)  # fmt: skip
def test_denied_names_are_denied_at_any_depth_in_any_spelling(reach: Reach, part: str) -> None:
    for path in (f"plans/{part}", f"plans/{part}/a.md", f"plans/prds/{part}", f"tasks/notes/a/{part}/b/c.md", part):
        assert not may_read(reach, path), path
        assert not may_write(reach, path), path
        assert not may_hold(reach, path), path


@pytest.mark.parametrize(
    "path",
    [
        "plans/build/x.md", "tasks/notes/src/x.md", "plans/environment.md", "plans/keys.md", "plans/git.md",
        "plans/monkey.md", "plans/secrets-rotation.md", "plans/dist/.DS_Store", "plans/a.pem.md",
    ],
)  # fmt: skip
def test_names_that_only_look_like_denied_ones_pass(path: str) -> None:
    assert may_read(PLANNER.reach, path)


def test_folders_that_may_hold_something() -> None:
    for folder in ("", "plans", "plans/prds", "plans/any/depth", "tasks", "tasks/notes", ".ai", ".ai/harness", "docs"):
        assert may_hold(PLANNER.reach, folder), folder
    for folder in ("src", "docs/other", "tasks/archive", ".ai/other", "AGENTS.md", "plansx"):
        assert not may_hold(PLANNER.reach, folder), folder
    assert may_hold(EXECUTOR.reach, "tasks/archive")


def test_folders_that_may_hold_something_written() -> None:
    for folder in ("", "plans", "plans/prds", ".ai/harness/handoff"):
        assert may_hold_writes(PLANNER.reach, folder), folder
    for folder in ("tasks", "plans/archive", "plans/prds/deeper", "docs"):
        assert not may_hold_writes(PLANNER.reach, folder), folder


def test_internal_reaches_touch_what_they_say_and_nothing_else() -> None:
    assert may_write(SCAFFOLD, ".repo-harness/id")
    assert not may_write(SCAFFOLD, ".repo-harness/mcp.oauth.json")
    assert not may_write(SCAFFOLD, "plans/.git/hooks/post-checkout")
    assert may_write(PASSPHRASE_COPY, ".repo-harness/mcp.oauth.json")
    assert not may_read(PASSPHRASE_COPY, ".repo-harness/mcp.oauth.json")
    assert may_read(GIT_FACTS, ".git/refs/heads/main")
    for path in (".git/config", ".git/hooks/pre-commit", "objects/aa/bb", "src/index.py"):
        assert not may_read(GIT_FACTS, path), path


def test_double_stars_stand_last() -> None:
    with pytest.raises(ValueError, match="stands alone and last"):
        may_read(Reach("x", ("**/a",)), "a")
    with pytest.raises(ValueError, match="stands alone and last"):
        may_read(Reach("x", ("a/b**",)), "a")


def by_the_book(pattern: str, path: str) -> bool:
    """Match by the definition, trying every way there is: slow, and plainly right."""

    def part_matches(glob: str, part: str) -> bool:
        if not glob:
            return not part
        if glob[0] == "*":
            return any(part_matches(glob[1:], part[n:]) for n in range(len(part) + 1))
        return bool(part) and glob[0] == part[0] and part_matches(glob[1:], part[1:])

    globs, parts = pattern.split("/"), path.split("/")
    if globs[-1] == "**":
        globs = globs[:-1]
        return len(parts) > len(globs) and all(map(part_matches, globs, parts))
    return len(parts) == len(globs) and all(map(part_matches, globs, parts))


_part = st.text("ab.", min_size=1, max_size=6)
_glob = st.text("ab.*", min_size=1, max_size=5).filter(lambda t: "**" not in t)
_path = st.lists(_part, min_size=1, max_size=4).map("/".join)
_pattern = st.builds(
    lambda parts, is_below: "/".join([*parts, "**"] if is_below else parts),
    st.lists(_glob, min_size=1, max_size=3),
    st.booleans(),
)


@given(st.lists(_pattern, max_size=4), _path)
def test_matching_agrees_with_the_definition(patterns: list[str], path: str) -> None:
    reach = Reach("x", tuple(patterns), denied=())
    assert may_read(reach, path) == any(by_the_book(pattern, path) for pattern in patterns)


@given(st.lists(_pattern, max_size=3), _path)
def test_a_folder_above_anything_readable_may_hold_something(patterns: list[str], path: str) -> None:
    reach = Reach("x", tuple(patterns), denied=())
    if may_read(reach, path):
        parts = path.split("/")
        for depth in range(len(parts)):
            assert may_hold(reach, "/".join(parts[:depth]))


@given(st.lists(_glob, max_size=3), _path)
def test_denying_agrees_with_the_definition(denied: list[str], path: str) -> None:
    denied = [pattern for pattern in denied if not pattern.endswith(".")]  # folded away, in names and in patterns
    reach = Reach("x", ("**",), denied=tuple(denied))
    parts = [part.rstrip(".") for part in path.split("/")]
    expected = not any(by_the_book(pattern, part) for pattern in denied for part in parts)
    assert may_read(reach, path) == expected
