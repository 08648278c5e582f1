"""Who may do what: profiles, reaches and principals. Pure data; nothing here opens anything.

A *profile* is what a kind of agent may do in a repository; its *reach* is the files it may touch while doing so. A
*grant* (`rhd.oauth.grants`) maps repositories to profiles for one client. A *principal* makes a call: a grant over
HTTP, or the owner over the control socket.

The internal reaches at the end are the daemon's own: nothing else of the daemon touches a repository.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rhd.ids import RepoId

HUB = "hub"
"""The resource of `/mcp`, which serves every granted repository; any other resource is a repository's id."""

# Patterns are matched by rhd.workflow.reach: `*` stands for any run of characters within one part, a final `**` for
# everything below. One of a reach's patterns must match the whole path.
PLANNER_READS = (
    "AGENTS.md",
    "CLAUDE.md",
    "SKILL.md",
    "docs/spec.md",
    "docs/reference-configs/**",
    "plans/**",
    "tasks/current.md",
    "tasks/contracts/**",
    "tasks/reviews/**",
    "tasks/notes/**",
    ".ai/context/**",
    ".ai/harness/handoff/**",
    ".ai/harness/checks/**",
)
GOAL = ".ai/harness/handoff/codex-goal.md"
PLANNER_NOTE = ".ai/harness/handoff/chatgpt-plan.md"
EXECUTOR_NOTE = ".ai/harness/handoff/notes.md"

# Checked for every part of a path, whatever the profile: deny wins at any depth. Compared without case, since
# `.ENV` is `.env` on the file systems of macOS.
DENIED_PARTS = (
    ".git",
    ".env*",
    ".ssh",
    ".gnupg",
    ".aws",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".repo-harness",
    "_ops",
    "secrets",
    "credentials",
    "credentials.json",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "*.ppk",
)


@dataclass(frozen=True, slots=True)
class Reach:
    """The files that one activity may touch.

    Attributes:
        name: for messages and the audit.
        reads: patterns of what may be read and listed.
        writes: patterns of what may be created and replaced.
        denied: patterns of parts that are refused at any depth.
    """

    name: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    denied: tuple[str, ...] = DENIED_PARTS


@dataclass(frozen=True, slots=True)
class Profile:
    """What a kind of agent may do; immutable, so that a change is a new value and never half of one.

    Attributes:
        name: as it stands in scopes, on the command line and in the audit.
        title: for the consent page, one line that says what it allows.
        reach: the files its tools may touch.
    """

    name: str
    title: str
    reach: Reach


PLANNER = Profile(
    "planner",
    "read plans, tasks, checks and handoffs; write PRDs, sprints, the goal and its handoff note",
    Reach("planner", PLANNER_READS, ("plans/prds/*", "plans/sprints/*", GOAL, PLANNER_NOTE)),
)
EXECUTOR = Profile(
    "executor",
    "read all tasks and harness state; write the goal and its handoff note",
    Reach(
        "executor",
        (*PLANNER_READS, "tasks/**", ".ai/harness/**"),
        (GOAL, EXECUTOR_NOTE),
    ),
)
ORCHESTRATOR = Profile(
    "orchestrator",
    "start a coding agent on your machine with the repository's prepared goal",
    Reach("orchestrator", PLANNER_READS, ()),
)

PROFILES: Mapping[str, Profile] = MappingProxyType({p.name: p for p in (PLANNER, EXECUTOR, ORCHESTRATOR)})
"""Every profile by name, in the order in which they act where several allow a call."""

ARTIFACTS = Reach("artifacts", tuple(dict.fromkeys(PLANNER.reach.reads + EXECUTOR.reach.reads)))
"""Everything that any profile can read: what the catalog holds and the watcher watches."""

SCAFFOLD = Reach(
    "scaffold",
    reads=(
        ".repo-harness/id",
        ".repo-harness/.gitignore",
        # Of the predecessor: its endpoint is read, and of its tokens it is only asked whether they are there.
        ".repo-harness/mcp.local.json",
        ".repo-harness/mcp.tokens.json",
        ".repo-harness/mcp.oauth-tokens.json",
    ),
    writes=(
        "AGENTS.md",
        "docs/spec.md",
        "plans/**",
        "tasks/**",
        ".ai/context/**",
        ".ai/harness/**",
        ".repo-harness/id",
        ".repo-harness/.gitignore",
    ),
    denied=(".git", ".env*"),
)
"""What adopting may look for and create. Of what exists it replaces only its own id and ignore file."""

PASSPHRASE_COPY = Reach("passphrase copy", writes=(".repo-harness/mcp.oauth.json",), denied=(".git",))
"""The copy of the passphrase that people read; written, never read."""

PASSPHRASE_CHECK = Reach("passphrase check", reads=(".repo-harness/mcp.oauth.json",), denied=(".git",))
"""For the doctor, which compares the copy with the digest of the passphrase in force."""

GIT_FACTS = Reach(
    "git facts",
    reads=(
        ".git",
        "HEAD",
        "commondir",
        "config",
        "gitdir",
        "index",
        "index.lock",
        "sharedindex.*",
        "refs/**",
        "packed-refs",
        ".git/HEAD",
        ".git/index",
        ".git/index.lock",
        ".git/sharedindex.*",
        ".git/refs/**",
        ".git/packed-refs",
        "worktrees/*/gitdir",
    ),
    denied=(),
)
"""The branch and the worktree family, read from `.git` and from the folder that it names. Nothing is written."""

ACTIVE_POINTERS = Reach("active pointers", reads=(".ai/harness/active-plan", ".ai/harness/sprint/active-sprint"))
"""The two files that name the active plan and the active sprint, for callers that may not read them themselves."""

SIBLING_SPRINT = Reach("sibling sprint", reads=("plans/sprints/**",))
"""The active sprint in another worktree of the same repository."""

GOAL_HANDOVER = Reach("goal hand-over", reads=(GOAL,))
"""The one file that an agent run is made from."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Makes a call: a grant, or the owner.

    Attributes:
        id: the grant's id, or `owner` for the control socket.
        label: for the audit and `rhctl clients`.
        profiles: per repository, the profiles that may act for this caller now.
        is_owner: True for a peer of the control socket.
    """

    id: str
    label: str
    profiles: Mapping[RepoId, frozenset[str]]
    is_owner: bool = False

    def may(self, repo: RepoId, profile: str) -> bool:
        """Say whether `profile` may act for this caller in `repo`."""
        return profile in self.profiles.get(repo, frozenset())
