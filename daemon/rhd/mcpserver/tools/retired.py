"""Names of the predecessor's tools that we do not have, and what to use instead.

A connector that froze the list of the predecessor goes on calling them for months. A model that is told the successor
uses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

RETIRED: Mapping[str, str] = MappingProxyType(
    {
        "discover_harness_repos": "Use list_repos, and pass a slug from it as repo.",
        "list_prds": "Use list_workflow_files with kind prd.",
        "list_sprints": "Use list_workflow_files with kind sprint.",
        "run_workflow_check": "Use latest_checks: the local agent runs the checks and leaves their results there.",
        "summarize_repo_harness_state": "Use harness_status.",
        "write_codex_goal": "Use prepare_codex_goal_from_sprint, which writes the goal from a PRD and a sprint.",
        "write_plan": "Use write_prd_from_idea, then write_checklist_sprint.",
        "write_prd": "Use write_prd_from_idea.",
        "write_sprint": "Use write_checklist_sprint.",
    }
)
"""What to do instead, by name."""
