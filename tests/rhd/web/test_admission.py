"""From an admitted request to its endpoint, with an endpoint that only notes who calls."""

from __future__ import annotations

import time
from typing import Any

import pytest

from rhd.access import HUB, Principal
from rhd.errors import Refusal
from rhd.ids import RepoId
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.tools.tool_table import TOOLS
from rhd.oauth.grants import Bearer
from rhd.web.admission import Admission, refuse_what_no_grant_holds
from rhd.web.replies import RequestRefused

HERE = RepoId("rh_" + 20 * "a")
NOW = Principal("g_1", "Client", {HERE: frozenset({"executor"})})
MODERN = "2026-07-28"
EXPIRES = 1_800_003_600.0
PLANNERS = ("write_prd_from_idea", "write_checklist_sprint")


class RepoServers:
    """Notes what it is asked to serve."""

    def __init__(self) -> None:
        self.served: list[tuple[RepoId | None, Caller, str]] = []
        self.refusal: Refusal | None = None

    async def serve(self, repo_id: RepoId | None, caller: Caller, client_id: str, *_: object) -> None:
        self.served.append((repo_id, caller, client_id))
        if self.refusal is not None:
            raise self.refusal


def holding(*scopes: str) -> Bearer:
    return Bearer(Principal("g_1", "Client", {}), HUB, scopes, "client_1", EXPIRES)


def asked(
    *,
    method: str = "POST",
    version: str | None = MODERN,
    rpc: str | None = "tools/call",
    name: str | None = None,
    path: str = "/mcp",
) -> dict[str, Any]:
    values = {b"mcp-protocol-version": version, b"mcp-method": rpc, b"mcp-name": name}
    headers = [(key, value.encode()) for key, value in values.items() if value is not None]
    return {"method": method, "path": path, "headers": headers, "state": {"origin": "https://rh.example.com"}}


async def admit(endpoints: RepoServers, resource: str, bearer: Bearer, scope: dict[str, Any], now: Any = NOW) -> None:
    await Admission(endpoints, {"g_1": now}.get).serve(resource, bearer, scope, None, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(("resource", "repo_id"), [(HUB, None), (HERE, HERE)])
async def test_a_caller_is_its_grant_as_it_stands_at_each_moment(
    monkeypatch: pytest.MonkeyPatch, resource: str, repo_id: RepoId | None
) -> None:
    monkeypatch.setattr(time, "time", lambda: EXPIRES - 90)
    endpoints, grants = RepoServers(), {"g_1": NOW}
    admission = Admission(endpoints, grants.get)  # type: ignore[arg-type]
    await admission.serve(resource, holding("planner"), asked(), None, None)  # type: ignore[arg-type]
    ((found, caller, client_id),) = endpoints.served
    assert (found, client_id) == (repo_id, "client_1")
    assert (caller.id, caller.label, caller.is_owner) == ("g_1", "Client", False)
    assert caller.lasts_s == 90
    assert caller.principal() is NOW, "what the grant is now, not what the token was admitted with"
    del grants["g_1"]
    with pytest.raises(Refusal):
        caller.principal()


async def test_a_repository_that_was_forgotten_meanwhile_is_not_found() -> None:
    endpoints = RepoServers()
    endpoints.refusal = Refusal("the repository is no longer adopted", code="REPO_NOT_FOUND")
    with pytest.raises(RequestRefused) as caught:
        await admit(endpoints, HERE, holding("planner"), asked())
    assert (caught.value.status, caught.value.body["error"]) == (404, "not_found")


@pytest.mark.parametrize("name", PLANNERS)
@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/r/project/mcp"])
def test_a_tool_whose_profile_the_grant_holds_nowhere_is_a_step_up(name: str, path: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        refuse_what_no_grant_holds(asked(name=name, path=path), holding("executor"))
    assert (caught.value.status, caught.value.body["error"]) == (403, "insufficient_scope")
    ((key, value),) = caught.value.headers
    assert key == b"www-authenticate"
    assert (
        value
        == (
            'Bearer error="insufficient_scope", scope="executor planner", '
            f'resource_metadata="https://rh.example.com/.well-known/oauth-protected-resource{path}"'
        ).encode()
    )


@pytest.mark.parametrize(
    "scope",
    [
        asked(name="harness_status"),
        asked(name="append_handoff_note"),
        asked(name="write_prd_from_idea", version="2025-11-25"),
        asked(name="write_prd_from_idea", version=None),
        asked(name="write_prd_from_idea", rpc="prompts/get"),
        asked(name="write_prd_from_idea", rpc=None),
        asked(name="write_prd_from_idea", method="GET"),
        asked(name="nothing"),
        asked(name=None),
    ],
    ids=lambda scope: " ".join(value.decode() for _, value in scope["headers"]) or "bare",
)
def test_everything_else_is_the_tools_own_to_answer(scope: dict[str, Any]) -> None:
    refuse_what_no_grant_holds(scope, holding("executor"))


async def test_what_is_refused_reaches_no_endpoint() -> None:
    endpoints = RepoServers()
    with pytest.raises(RequestRefused):
        await admit(endpoints, HUB, holding("executor"), asked(name="write_prd_from_idea"))
    assert endpoints.served == []


def test_every_tool_is_open_to_who_holds_one_of_its_profiles() -> None:
    for name, spec in TOOLS.items():
        for profile in spec.profiles:
            refuse_what_no_grant_holds(asked(name=name), holding(profile))
        with pytest.raises(RequestRefused):
            refuse_what_no_grant_holds(asked(name=name), holding())
