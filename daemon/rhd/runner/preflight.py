"""What is looked at before a run: is the agent installed, is it logged in, what is not committed in the work tree."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass

import trio

from rhd.errors import Refusal
from rhd.runner.agents import Agent
from rhd.runner.supervised_process import Finished, Folder, run_command

CHECK_WITHIN_S = 15.0
_GIT = ("status", "--porcelain=v1", "-z", "--untracked-files=normal", "--no-renames")
# What a repository's own configuration would have git run, it does not run for this question.
_GIT_QUIET = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks")


@dataclass(frozen=True, slots=True)
class Ready:
    """An agent that can be started.

    Attributes:
        program: its absolute path.
        version: as it says itself; None if it does not.
        uncommitted: paths in the work tree that differ from the last commit, at most 200; None if git cannot say.
    """

    program: str
    version: str | None
    uncommitted: tuple[str, ...] | None


async def look_before(agent: Agent, environ: Mapping[str, str], folder: Folder) -> Ready:
    """Return an agent that is ready to start.

    Raises:
        Refusal: AGENT_NOT_INSTALLED or AGENT_NOT_LOGGED_IN, each with the next step.
    """
    program = await _find_program(agent.program, environ)
    if program is None:
        raise Refusal(
            f"{agent.title} is not installed where the daemon looks for programs",
            code="AGENT_NOT_INSTALLED",
            next_step=f"Ask the owner to install it ({agent.install}) and, if the daemon runs as a service, to run "
            "rhctl service install again, so that it knows the PATH.",
        )
    found: dict[str, Finished] = {}

    async def ask(name: str, words: tuple[str, ...], where: Folder | None = None) -> None:
        found[name] = await run_command(words, environ, within_s=CHECK_WITHIN_S, folder=where)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, "version", (program, *agent.version))
        nursery.start_soon(ask, "login", (program, *agent.login))
        if (git := await _find_program("git", environ)) is not None:
            nursery.start_soon(ask, "git", (git, *_GIT_QUIET, *_GIT), folder)
    # A check that was not answered in time says nothing; the run itself will.
    is_logged_in = found["login"].status in (0, None)
    if not is_logged_in and not await trio.to_thread.run_sync(agent.needs_no_login, environ, abandon_on_cancel=True):
        raise Refusal(
            f"{agent.title} is not logged in",
            code="AGENT_NOT_LOGGED_IN",
            next_step=f"Ask the owner to log in on that computer with: {agent.sign_in}",
        )
    version = found["version"].output.strip().splitlines() if found["version"].status == 0 else []
    return Ready(program, version[0][:80] if version else None, _uncommitted(found.get("git")))


def _uncommitted(git: Finished | None) -> tuple[str, ...] | None:
    if git is None or git.status != 0:
        return None
    return tuple(entry[3:] for entry in git.output.split("\0") if len(entry) > 3)[:200]


async def _find_program(name: str, environ: Mapping[str, str]) -> str | None:
    return await trio.to_thread.run_sync(lambda: shutil.which(name, path=environ["PATH"]), abandon_on_cancel=True)
