"""`ToolSpec`: one tool as data. Lists, schemas, docs and the tools hash derive from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rhd.access import PROFILES, Principal, Profile
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.tool_context import ToolContext
from rhd.mcpserver.tools.output_schemas import Schema
from rhd.repos.registry import Repo
from rhd.repos.repo_service import RepoService
from rhd.workflow.artifacts import Artifact

ALL = tuple(PROFILES)


Report = Callable[[float, float | None, str], Awaitable[None]]
"""Tells a client that has asked for it how far a call is: progress, total if known, a sentence."""


async def no_report(progress: float, total: float | None, message: str) -> None:
    """Tell nothing."""


@dataclass(frozen=True, slots=True)
class Call:
    """One admitted call of a tool on a repository.

    Attributes:
        arguments: valid against the tool's input schema, without `repo`.
        profile: the profile that acts; where the tool has a target, one that may read it, if any may.
        readable: every granted profile that is running: what the caller may see.
        tools_hash: of the list of tools that the caller is shown.
        report: sends a progress notification.
    """

    caller: Caller
    principal: Principal
    profile: Profile
    readable: tuple[Profile, ...]
    repo: Repo
    service: RepoService
    context: ToolContext
    arguments: Mapping[str, Any]
    tools_hash: str
    report: Report = no_report

    @property
    def artifacts(self) -> list[Artifact]:
        """What the caller may see, sorted by path."""
        return self.service.artifacts.readable_by([profile.name for profile in self.readable])


Handler = Callable[[Call], Awaitable[dict[str, Any]]]
"""Returns the structured result, or raises a Refusal."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool.

    Attributes:
        name: snake_case, for ever.
        title: for people.
        description: for models; begins with "Use this when".
        profiles: which profiles have it.
        input: JSON Schema of the arguments, without `repo`.
        output: JSON Schema of the structured result.
        handler: what carries it out; None for `list_repos`, which only the hub has and which is about no repository.
        is_writing: it changes the repository.
        is_destructive: it may take away what it was not told to replace.
        is_idempotent: calling it twice with the same arguments changes nothing more.
        is_open_world: it reaches beyond the repositories.
        paths: the required arguments that name artifacts; a handler gets them as the catalog spells them.
        target: the one of them that the audit records and that decides which profile acts.
    """

    name: str
    title: str
    description: str
    profiles: tuple[str, ...]
    input: Schema
    output: Schema
    handler: Handler | None
    is_writing: bool = False
    is_destructive: bool = False
    is_idempotent: bool = True
    is_open_world: bool = False
    paths: tuple[str, ...] = ()
    target: str | None = None

    @property
    def is_of_hub(self) -> bool:
        """Whether only the hub has it."""
        return self.handler is None
