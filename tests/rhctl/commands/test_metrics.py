"""`rhctl metrics`."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from rhctl.commands.metrics import render
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import type_in


async def test_a_prometheus_parser_reads_what_is_printed(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    daemon.context.audit.add("owner", "harness_status", "ok", duration_ms=3.0)
    said = await type_in("metrics")
    families = {family.name: family for family in text_string_to_metric_families(said.out)}
    assert len(families) == len((await type_in("metrics", "--json")).json["metrics"])
    assert all(name.startswith("rhd_") and family.documentation for name, family in families.items())
    (sample,) = families["rhd_calls"].samples
    assert (families["rhd_calls"].type, sample.labels, sample.value) == (
        "counter",
        {"tool": "harness_status", "outcome": "ok"},
        1.0,
    )
    assert families["rhd_artifacts"].samples[0].labels == {"repo": slug}
    buckets = [each.value for each in families["rhd_call_seconds"].samples if each.name.endswith("_bucket")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 1
    assert {each.name for each in families["rhd_loop_pass_seconds"].samples} == {
        "rhd_loop_pass_seconds_bucket",
        "rhd_loop_pass_seconds_sum",
        "rhd_loop_pass_seconds_count",
    }


def test_labels_and_help_are_escaped() -> None:
    value = 'a"b\\c\nd'
    metric = {"name": "rhd_x", "kind": "gauge", "help": "a\nb", "samples": [[{"repo": value}, 1]]}
    ((family,),) = [list(text_string_to_metric_families("\n".join(render(metric)) + "\n"))]
    assert family.samples[0].labels == {"repo": value}
