"""The table of verbs: sorted, and a duplicate is a failure at import."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rhd.control import (
    adopt,
    approve,
    artifacts,
    attach,
    audit,
    auth_header,
    clients,
    config,
    deny,
    doctor,
    doctor_live,
    endpoint,
    events,
    forget,
    goal,
    grant,
    logs,
    metrics,
    passphrase,
    repos,
    revoke,
    run,
    runs,
    setup,
    show,
    start,
    status,
    stop,
    version,
)
from rhd.control.verb import Verb


def _table(*verbs: Verb) -> Mapping[str, Verb]:
    names = [verb.name for verb in verbs]
    assert names == sorted(set(names)), "the table of verbs is sorted and names each once"
    return MappingProxyType(dict(zip(names, verbs, strict=True)))


VERBS = _table(
    adopt.VERB,
    approve.VERB,
    artifacts.VERB,
    attach.VERB,
    audit.VERB,
    auth_header.VERB,
    clients.VERB,
    config.VERB,
    deny.VERB,
    doctor.VERB,
    doctor_live.VERB,
    endpoint.VERB,
    events.VERB,
    forget.VERB,
    goal.VERB,
    grant.VERB,
    logs.VERB,
    metrics.VERB,
    passphrase.VERB,
    repos.VERB,
    revoke.VERB,
    run.VERB,
    runs.VERB,
    setup.VERB,
    show.VERB,
    start.VERB,
    status.VERB,
    stop.VERB,
    version.VERB,
)
