"""Checks how much of the kernel's allowance for watching is used, and names the command that widens it."""

from __future__ import annotations

from rhd.watch.hints import Usage
from rhwire.findings import Finding


def examine_watching(usage: Usage) -> Finding:
    """Return the finding about everything that is watched."""
    used = ", ".join(
        f"{number} {noun}" if allowed is None else f"{number} of {allowed} {noun}"
        for number, allowed, noun in (
            (usage.watches, usage.max_watches, "watches"),
            (usage.instances, usage.max_instances, "instances"),
        )
    )
    if not usage.advice:
        return Finding("watching.ok", used=used)
    return Finding("watching.tight", used=used, next_step="; ".join(usage.advice))
