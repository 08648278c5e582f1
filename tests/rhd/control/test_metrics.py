"""`metrics` on the socket."""

from __future__ import annotations

from typing import Any

from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.waiting import until


async def samples(daemon: Running) -> dict[str, Any]:
    """Return the samples of each metric by name."""
    return {each["name"]: each["samples"] for each in (await daemon.call("metrics"))["metrics"]}


async def test_the_numbers_are_those_of_the_daemon(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug)
    daemon.context.audit.add("owner", "harness_status", "ok", duration_ms=3.0)
    found = await samples(daemon)
    assert found["rhd_repositories"] == [[{"state": "ok"}, 1]]
    assert found["rhd_grants"] == [[{}, 1]]
    assert found["rhd_calls_total"] == [[{"tool": "harness_status", "outcome": "ok"}, 1]]
    ((labels, taken),) = found["rhd_call_seconds"]
    assert (labels, taken["counts"][-1], taken["sum"]) == ({"tool": "harness_status"}, 1, 0.003)
    assert [{"action": "grant.make", "outcome": "ok"}, 1] in found["rhd_events_total"]
    assert found["rhd_artifacts"][0][1] == len(daemon.service(slug).artifacts)
    assert found["rhd_loop_pass_seconds"][0][1]["counts"][-1] > 0


async def test_a_change_is_timed_from_its_hint_to_the_log(daemon: Running, repository: Repository) -> None:
    await daemon.adopt(repository.path)

    def timed() -> int:
        return sum(daemon.context.services.latency.counts)

    before = timed()
    repository.write("plans/prds/a.prd.md", "# A\n")
    await until(lambda: timed() > before)
