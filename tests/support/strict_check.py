"""The rules of the predecessor's strict check, as far as they are about documents: line by line, as awk and grep read.

Written from what `check-task-workflow.sh --strict` refuses; `problems` says the same in the same cases.
"""

from __future__ import annotations

import re

_HEADER = re.compile(r"\|\s*#\s*\|\s*Status\s*\|\s*Task\s*\|\s*Mode\s*\|\s*Acceptance\s*\|\s*Plan\s*\|")
_ROW = re.compile(r"\|\s*[0-9]+\s*\|")
_EMPTY_CELL = re.compile(r"(\.\.\.|tbd|todo|n/a|none)\Z")
_PRD_NAME = re.compile(r"[0-9]{8}-[0-9]{4}-.*\.prd\.md\Z")
PRD_STATUSES = ("Draft", "Approved", "Superseded")
SPRINT_STATUSES = ("Draft", "Approved", "Executing", "Done", "Archived")
_PRD_SECTIONS = ("AI Quick-Read Card", "Problem", "Acceptance Scenarios")


def status_of(text: str) -> str:
    """Return what stands behind the first `**Status**:` of all lines; empty if there is none."""
    for line in text.split("\n"):
        if "**Status**:" in line:
            return line.rpartition("**Status**:")[2].strip()
    return ""


def prd_problems(name: str, text: str) -> list[str]:
    """Return what the strict check says of a PRD."""
    problems = []
    if not _PRD_NAME.match(name):
        problems.append("the name")
    if re.search(r"^(# Sprint:|## Backlog[ \t]*$)", text, re.MULTILINE):
        problems.append("a sprint among the PRDs")
    if status_of(text) not in PRD_STATUSES:
        problems.append(f"the status {status_of(text)!r}")
    if status_of(text) == "Approved":
        problems += [f"the section {section}" for section in _PRD_SECTIONS if not _has_content(text, section)]
    return problems


def sprint_problems(text: str) -> list[str]:
    """Return what the strict check says of a sprint."""
    status = status_of(text)
    if status not in SPRINT_STATUSES:
        return [f"the status {status!r}"]
    if status not in ("Approved", "Executing"):
        return []
    problems = [] if _has_content(text, "PRD") else ["the section PRD"]
    if not any(_HEADER.match(line) for line in text.split("\n")):
        return [*problems, "the backlog's header"]
    return problems + _row_problems(backlog_rows(text))


def backlog_rows(text: str) -> list[list[str]]:
    """Return the cells of the backlog's rows, split at every pipe."""
    rows, is_inside = [], False
    for line in text.split("\n"):
        if re.match(r"## Backlog\s*\Z", line):
            is_inside = True
        elif is_inside and line.startswith("## "):
            break
        elif is_inside and _ROW.match(line):
            rows.append([cell.strip() for cell in line.split("|")[1:]])
    return rows


def _row_problems(rows: list[list[str]]) -> list[str]:
    problems = [] if rows else ["no rows"]
    for index, status, task, mode, acceptance, *_ in rows:
        if not re.match(r"\[[ xX]\]\Z", status):
            problems.append(f"row {index}: the status")
        if task in ("", "..."):
            problems.append(f"row {index}: the task")
        if mode not in ("contract", "inline"):
            problems.append(f"row {index}: the mode")
        is_template = acceptance == "Replace with a machine-checkable acceptance line"
        if acceptance == "" or _EMPTY_CELL.match(acceptance.lower()) or is_template:
            problems.append(f"row {index}: the acceptance")
    for place, what in ((0, "index"), (2, "task")):
        if len({row[place] for row in rows}) < len(rows):
            problems.append(f"an {what} twice")
    return problems


def _has_content(text: str, section: str) -> bool:
    is_inside = False
    for line in text.split("\n"):
        if re.match(rf"## {re.escape(section)}\s*\Z", line):
            is_inside = True
        elif is_inside and line.startswith("## "):
            return False
        elif is_inside and not line.startswith("#"):
            said = re.sub(r"^\s*[->]*\s*", "", line).rstrip()
            if said not in ("", "...") and not said.startswith("Replace "):
                return True
    return False
