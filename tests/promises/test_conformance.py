"""What `make conformance` lets pass, and that docs/conformance.md says what the baselines of the repository say."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conformance.__main__ import PAGE, judge
from tests.conformance.baseline import Baseline, differences, read_baseline
from tests.conformance.page import Result, read_counts, render
from tests.conformance.suite import PACKAGE, REVISIONS, Check, Run, Suite, read_checks

REVISION = REVISIONS[0]
MANIFEST = Path(__file__).parents[1] / "conformance" / "package.json"


def run_of(checks: Mapping[str, str], *required: str, exit_code: int = 0, unscored: Mapping[str, str] = {}) -> Run:
    """Return a run; without `required`, every scenario that says anything is."""
    made = tuple(Check(*name.split(":"), status, f"{name} said so") for name, status in checks.items())
    names = required or tuple(dict.fromkeys(check.scenario for check in made if check.scenario not in unscored))
    return Run(REVISION, made, names, unscored, exit_code)


GOOD = run_of({"a:one": "SUCCESS", "a:two": "SUCCESS", "b:one": "SUCCESS"})
HALF = run_of({"a:one": "FAILURE", "a:two": "SUCCESS", "b:one": "SUCCESS"})
EXCUSED = Baseline({"a:one": "Because."}, {})


def test_a_run_without_a_failure_needs_no_line() -> None:
    assert differences(GOOD, Baseline()) == []


@pytest.mark.parametrize("status", ["FAILURE", "WARNING"])
def test_a_failure_without_a_line_is_said_with_what_the_suite_said(status: str) -> None:
    run = run_of({"a:one": status, "b:one": "SUCCESS"})
    assert differences(run, Baseline()) == [f"{REVISION}: unexpected: a:one: a:one said so"]


def test_a_line_for_a_whole_scenario_excuses_nothing() -> None:
    found = differences(HALF, Baseline({"a": "Because."}), proof=GOOD)
    assert found == [f"{REVISION}: unexpected: a:one: a:one said so", f"{REVISION}: stale: a"]


@pytest.mark.parametrize("run", [GOOD, run_of({"a:one": "SKIPPED", "a:two": "SUCCESS"})], ids=["passed", "skipped"])
def test_a_line_without_a_failure_is_stale(run: Run) -> None:
    assert f"{REVISION}: stale: a:one" in differences(run, EXCUSED, proof=GOOD)


def test_what_is_required_is_excused_only_where_the_stack_passes_that_scenario_whole() -> None:
    assert differences(HALF, EXCUSED, proof=GOOD) == []
    assert differences(HALF, EXCUSED) == [f"{REVISION}: nothing may be excused here: a:one"]
    for proof in (
        run_of({"a:one": "SUCCESS", "a:two": "WARNING", "b:one": "SUCCESS"}),
        run_of({"a:one": "SKIPPED", "b:one": "SUCCESS"}),
        run_of({"b:one": "SUCCESS"}),
    ):
        assert differences(HALF, EXCUSED, proof=proof) == [f"{REVISION}: does not pass whole in the stack: a:one"]


def test_what_is_not_required_is_excused_by_its_line_alone() -> None:
    run = run_of({"a:one": "FAILURE", "b:one": "SUCCESS"}, "b", unscored={"a": "extension"})
    assert differences(run, EXCUSED) == []


@pytest.mark.parametrize("status", ["SKIPPED", "INFO"])
def test_a_check_of_what_is_required_that_is_no_longer_asked_needs_a_line_of_its_own(status: str) -> None:
    run = run_of({"a:one": "SUCCESS", "a:two": status})
    assert differences(run, Baseline()) == [f"{REVISION}: no longer asked: a:two: {status}"]
    assert differences(run, Baseline({}, {"a:two": "Because."})) == []
    assert differences(run, Baseline({"a:two": "Because."}, {}), proof=GOOD) != []


def test_a_line_for_what_is_asked_again_is_stale() -> None:
    assert differences(GOOD, Baseline({}, {"a:two": "Because."})) == [f"{REVISION}: stale, it is asked: a:two"]


def test_what_is_left_out_beside_what_is_required_needs_no_line() -> None:
    assert differences(run_of({"a:one": "SKIPPED", "b:one": "SUCCESS"}, "b", unscored={"a": "x"}), Baseline()) == []


@pytest.mark.parametrize("said", [{}, {"c:one": "SKIPPED"}], ids=["not run", "skipped"])
def test_a_required_scenario_that_says_nothing_is_named(said: dict[str, str]) -> None:
    run = run_of({"a:one": "SUCCESS", **said}, "a", "c")
    assert f"{REVISION}: said nothing: c" in differences(run, Baseline({}, dict.fromkeys(said, "Because.")))


def test_checks_that_vanish_are_missed() -> None:
    assert differences(GOOD, Baseline(), before=3) == []
    (said,) = differences(GOOD, Baseline(), before=4)
    assert said.startswith(f"{REVISION}: 3 checks, 4 before")


def test_nothing_at_all_is_no_success() -> None:
    assert differences(Run(REVISION, (), (), {}, 0), Baseline()) == [f"{REVISION}: nothing was run"]


def test_the_verdict_of_the_suite_itself_counts() -> None:
    assert differences(run_of({"a:one": "SUCCESS"}, exit_code=1), Baseline()) == [
        f"{REVISION}: the suite itself ended with 1"
    ]


def test_the_product_is_excused_by_the_stack_and_nobody_else_is() -> None:
    found = {"stack": [Result("it", GOOD, Baseline())], "product": [Result("hub", HALF, EXCUSED)]}
    assert list(judge({**found, "authorization": [Result("login", GOOD, Baseline())]}, {})) == []
    assert list(judge({**found, "authorization": [Result("login", HALF, EXCUSED)]}, {})) == [
        f"authorization, login, {REVISION}: nothing may be excused here: a:one"
    ]
    assert [line.partition(" checks")[0] for line in judge(found, {(REVISION, "hub"): 4})] == [
        f"product, hub, {REVISION}: 3"
    ]


def test_a_check_that_is_made_several_times_is_as_bad_as_its_worst(tmp_path: Path) -> None:
    for number, statuses in enumerate((("SUCCESS", "FAILURE"), ("SUCCESS", "SKIPPED"), ("INFO", "SUCCESS"))):
        folder = tmp_path / f"server-s{number}-2026-07-28T10-00-00-000Z"
        folder.mkdir()
        (folder / "checks.json").write_text(json.dumps([{"id": "one", "status": status} for status in statuses]))
    assert [(check.name, check.status) for check in read_checks(tmp_path, "server-")] == [
        ("s0:one", "FAILURE"),
        ("s1:one", "SKIPPED"),
        ("s2:one", "SUCCESS"),
    ]


def test_the_scenarios_of_a_login_are_those_that_the_suite_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not those that ran: one that is dropped would not be missed."""
    suite, asked = Suite.__new__(Suite), []

    def said(*words: str) -> str:
        asked.append(words)
        return (
            "Authorization server scenarios (test against one):\n  - metadata [2025-11-25,2026-07-28]\n  - grant [x]\n"
        )

    monkeypatch.setattr(suite, "_list", said)
    assert suite.authorization(REVISION) == ("metadata", "grant")
    assert asked == [("--authorization", "--spec-version", REVISION)]


def test_the_page_says_what_was_run_and_is_read_again() -> None:
    beside = run_of({**dict.fromkeys(("a:one", "a:two"), "FAILURE"), "b:one": "SUCCESS", "b:two": "INFO"}, "b")
    baseline = Baseline(dict.fromkeys(("a:one", "a:two"), "Because."), {"b:two": "For once."})
    results = [Result("something", beside, baseline)]
    page = render({PACKAGE: "1.2"}, "2026-01-02", results, results, results)
    assert "| `a` | `one`, `two` | Because. |" in page
    assert f"| {REVISION} | `b` | `two` | For once. |" in page
    assert read_counts(page, "1.2") == {(REVISION, "something"): 1}
    assert read_counts(page, "1.3") == {}, "another version asks something else"


# The page that is committed.

ROW = re.compile(r"^\| (?P<revision>[\d-]+) \| (?P<what>[^|`]+) \| (?P<numbers>[^|]+ \| \d+ \| \d+ \| \w+) \|$", re.M)


def parts() -> dict[str, str]:
    """Return the page's text by heading, subheadings included."""
    _, *found = re.split(r"^## ", PAGE.read_text(), flags=re.M)
    return {part.partition("\n")[0]: part for part in found}


def rows(part: str) -> dict[tuple[str, str], tuple[int, int, str]]:
    """Return checks, passed and excused, by revision and what was run."""
    found = {}
    for row in ROW.finditer(parts()[part]):
        _, checks, passed, excused = row["numbers"].split(" | ")
        found[row["revision"], row["what"]] = (int(checks), int(passed), excused)
    return found


@pytest.mark.parametrize("part", ["The stack", "Authorization"])
def test_the_page_says_that_all_passed(part: str) -> None:
    assert {revision for revision, _ in rows(part)} == set(REVISIONS)
    for checks, passed, excused in rows(part).values():
        assert (checks > 0, passed, excused) == (True, checks, "none")


def test_every_failure_of_the_product_is_excused_on_the_page() -> None:
    assert rows("The product").keys() == {(r, what) for r in REVISIONS for what in ("a repository", "the hub")}
    for checks, passed, excused in rows("The product").values():
        assert checks - passed == int(excused)


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("part", "name"), [("The product", "product"), ("The stack", "fixtures")])
def test_every_line_of_a_baseline_stands_on_the_page_with_its_reason(part: str, name: str, revision: str) -> None:
    baseline, text = read_baseline(name, revision), parts()[part]
    cells = [[cell.strip(" `") for cell in row.split("|")[1:-1]] for row in re.findall(r"^\|.*\|$", text, re.M)]
    assert all(":" in line for lines in baseline for line in lines), "a whole scenario is no check"
    for line, reason in {**baseline.failed, **baseline.unasked}.items():
        scenario, _, check = line.partition(":")
        names_check = name == "product" or line in baseline.unasked  # what is run beside the stack is a row a scenario
        assert any(
            scenario in row and reason in row[-1] and (not names_check or check in re.split(r"[`, ]+", row[-2]))
            for row in cells
        ), line


def test_no_excuse_stands_on_the_page_that_is_in_no_baseline() -> None:
    named = [line for revision in REVISIONS for lines in read_baseline("product", revision) for line in lines]
    found = re.findall(r"^\|(?: [\d-]+ \|)? `([\w-]+)` \| (`.*`) \| [^|]+ \|$", parts()["The product"], re.M)
    on_page = [f"{scenario}:{check}" for scenario, checks in found for check in re.findall(r"`([^`]+)`", checks)]
    assert sorted(on_page) == sorted(named)


def test_the_page_is_of_the_version_that_is_pinned() -> None:
    version = json.loads(MANIFEST.read_text())["dependencies"][PACKAGE]
    assert len(read_counts(PAGE.read_text(), version)) == 8
