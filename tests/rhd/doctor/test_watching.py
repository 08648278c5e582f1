from __future__ import annotations

from rhd.doctor.watching import examine_watching
from rhd.watch.hints import Usage

USAGE = Usage(40, 1, 8192, 128, {}, ())


def test_what_is_used_stands_beside_what_is_allowed() -> None:
    found = examine_watching(USAGE)
    assert (found.id, found.to_json()["message"]) == ("watching.ok", "40 of 8192 watches, 1 of 128 instances")


def test_where_the_system_has_no_allowance_only_what_is_used_is_said() -> None:
    found = examine_watching(USAGE._replace(max_watches=None, max_instances=None))
    assert found.to_json()["message"] == "40 watches, 1 instances"


def test_what_runs_out_is_a_warning_with_the_exact_command() -> None:
    advice = ("sudo sysctl fs.inotify.max_user_watches=524288",)
    found = examine_watching(USAGE._replace(watches=8000, advice=advice))
    assert (found.id, found.to_json()["next_step"]) == ("watching.tight", advice[0])
    assert not found.is_for_model
