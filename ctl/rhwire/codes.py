"""Every code that a person, a script or a model can be told, with what it means and what to do next.

Codes are for ever: scripts and models act on them. Add; never rename or reuse. The daemon, the client, the
tools and the pages all draw from this one table; `docs/codes.md` is generated from it.
"""

from __future__ import annotations

# code -> (when it is told, what to do next unless the error itself knows better)
CODES: dict[str, tuple[str, str]] = {
    "AGENT_DENIED": (
        "The agent is not on the list of agents that this repository may run.",
        "Start the orchestrator profile again with the agent named in --dev-runner-agents.",
    ),
    "AGENT_NOT_INSTALLED": (
        "The agent's command is not on the PATH of the daemon.",
        "Install the agent, or correct the service's PATH with: rhctl service install",
    ),
    "AGENT_NOT_LOGGED_IN": (
        "The agent is installed but not logged in, so it cannot run.",
        "Log in with the agent's own login command, then start the run again.",
    ),
    "APPROVAL_NOT_FOUND": (
        "No login with that code is waiting, or it has ended.",
        "Start the login again in the client and use the code that its page shows.",
    ),
    "BARE_REPOSITORY": (
        "The folder is a bare git repository: it has no work tree, so it can hold no workflow artifacts.",
        "Adopt a clone or a worktree of it instead.",
    ),
    "BINARY_FILE": (
        "The file holds NUL bytes near its start; only text artifacts are served.",
        "Read a text artifact instead.",
    ),
    "CATALOG_TOO_LARGE": (
        "The repository holds more artifacts, or deeper folders of them, than are kept track of.",
        "Move what is finished out of plans/ and tasks/, or forget the repository.",
    ),
    "CLIENT_NOT_FOUND": (
        "No connected client has that id or name.",
        "List them with: rhctl clients",
    ),
    "CONFIG_INVALID": (
        "The settings file or one of its values cannot be used.",
        "Correct the value that the message names with: rhctl config set KEY VALUE",
    ),
    "DAEMON_HANGS": (
        "The daemon holds its lock but does not answer within 10 seconds.",
        "Restart it with: rhctl service restart; without a service, end the process that the message names.",
    ),
    "DAEMON_RESTARTED": (
        "The daemon restarted while the call was in progress, so its outcome is unknown.",
        "Look at what exists before you repeat the call.",
    ),
    "DAEMON_RUNNING": (
        "Another rhd already serves this home.",
        "Use it with rhctl, or end it with: rhctl service stop",
    ),
    "DEV_RUNNER_DISABLED": (
        "Running agents is not enabled for this repository.",
        "Enable it with: rhctl start --profile orchestrator --enable-dev-runner",
    ),
    "DISK_FULL": (
        "The disk that holds the database or the repository is full.",
        "Free space on the disk that the message names, then repeat the command.",
    ),
    "ENDPOINT_RECORDED": (
        "Another public endpoint is recorded; clients know the daemon by it.",
        "Repeat the command with --replace, then set those clients up with the new one.",
    ),
    "FILE_TOO_LARGE": (
        "The file is larger than what is served, or the text larger than what may be written.",
        "Split the artifact, or read another one.",
    ),
    "FOLDER_NOT_OURS": (
        "A folder or file that must belong to you alone belongs to someone else or is open to others.",
        "Correct its owner or mode as the message says.",
    ),
    "FOLDER_REFUSED": (
        "That folder is never adopted: the file system root, a home folder or another user's folder.",
        "Adopt a git repository of your own.",
    ),
    "HOME_UNUSABLE": (
        "The daemon's home cannot be made or read.",
        "Correct what the message names, or choose another home with --home.",
    ),
    "INTERNAL": (
        "Something failed that should not; nothing was lost.",
        "Look at the daemon's log, and report it with: rhctl doctor --json",
    ),
    "INVALID_AGENT": (
        "The agent's name is not known.",
        "Use codex or claude.",
    ),
    "INVALID_ARGUMENT": (
        "An argument is missing, of the wrong type or out of range.",
        "Correct the argument that the message names, then try again.",
    ),
    "INVALID_CURSOR": (
        "The cursor was not given out by this server for this call.",
        "Start again without a cursor.",
    ),
    "INVALID_ENDPOINT": (
        "A public endpoint is an https URL of a public host that ends exactly in /mcp.",
        "Give the URL of your tunnel as https://HOST/mcp",
    ),
    "INVALID_GOAL": (
        "The goal lacks a required section.",
        "Write it with prepare_codex_goal_from_sprint.",
    ),
    "INVALID_JSON": (
        "The file's name ends in .json, but its text is not JSON.",
        "Correct the file; read_workflow_file shows it as it is.",
    ),
    "INVALID_REQUEST": (
        "The message is not a request that this daemon understands.",
        "Use an rhctl of the daemon's own version.",
    ),
    "LIMIT_REACHED": (
        "A limit of this client or repository is reached; the message names it.",
        "Wait, or end what the limit counts, then try again.",
    ),
    "LOGIN_EXPIRED": (
        "The login was answered already, or was begun more than ten minutes ago.",
        "Start the login again in the client.",
    ),
    "LOGIN_REFUSED": (
        "The login request cannot be used.",
        "Start the login again in the client; if it stays so, remove the connection there and add it anew.",
    ),
    "NAME_TAKEN": (
        "Another repository has that name.",
        "Choose another one with --name.",
    ),
    "NO_DAEMON": (
        "No daemon serves this home.",
        "Start one with: rhctl service start, or rhd in a terminal",
    ),
    "NO_GRANT": (
        "The client holds no grant that this would change.",
        "List what it holds with: rhctl clients",
    ),
    "NOT_A_FILE": (
        "The path names a folder.",
        "List the folder's files with list_workflow_files and name one of them.",
    ),
    "NOT_A_REGULAR_FILE": (
        "The path names a device, a pipe, a socket, a hard link to write through, or a file of another file system.",
        "Use a plain file.",
    ),
    "NOT_A_REPOSITORY": (
        "The folder is not inside a git repository.",
        "Run git init there first, or name a repository.",
    ),
    "NOT_FOUND": (
        "There is no such artifact.",
        "List what exists with list_workflow_files.",
    ),
    "NOT_UTF8": (
        "The file is not UTF-8 text.",
        "Convert it to UTF-8.",
    ),
    "PATH_NOT_FOUND": (
        "The path does not exist.",
        "Check the spelling of the path; a shell expands ~ only at the beginning of a word.",
    ),
    "POLICY_DENIED": (
        "The path is outside of what this profile may read or write.",
        "Use a workflow artifact: plans, tasks, handoffs, checks or docs/spec.md.",
    ),
    "PORT_IN_USE": (
        "Another program listens on the port.",
        "Stop it, or choose another port with --port.",
    ),
    "PRD_NOT_READABLE": (
        "The PRD that was named cannot be read.",
        "Write one with write_prd_from_idea, or name one from list_workflow_files.",
    ),
    "PROFILE_NOT_GRANTED": (
        "The grant does not hold a profile that allows this call on this repository.",
        "Ask the owner to widen it with: rhctl grant CLIENT REPO --profile PROFILE",
    ),
    "PROFILE_STOPPED": (
        "The profile is granted, but the owner has stopped it.",
        "Ask the owner to start it with: rhctl start REPO --profile PROFILE",
    ),
    "PROTOCOL_MISMATCH": (
        "The client and the daemon are of different versions.",
        "Restart the daemon with: rhctl service restart, or end it and run the command again",
    ),
    "READ_FAILED": (
        "The file system did not let the daemon read it.",
        "Correct what the message names (permissions, open files) and try again.",
    ),
    "REPO_BROKEN": (
        "The repository cannot be served.",
        "Look at: rhctl status",
    ),
    "REPO_BUSY": (
        "The repository has too many operations in progress.",
        "Try again in a few seconds.",
    ),
    "REPO_DETACHED": (
        "The repository's folder was moved, removed or replaced.",
        "Adopt it again where it now is: rhctl adopt PATH; or, if it is gone: rhctl forget REPO",
    ),
    "REPO_NOT_ADOPTED": (
        "The repository is not adopted.",
        "Adopt it with: rhctl adopt PATH",
    ),
    "REPO_NOT_FOUND": (
        "No repository of that name is reachable.",
        "List what is reachable with list_repos or rhctl repos.",
    ),
    "REPO_OPENING": (
        "The repository is still being opened.",
        "Try again in a few seconds; if it stays so: rhctl status",
    ),
    "REQUEST_TOO_LARGE": (
        "The request is larger than what is accepted.",
        "Send less at once.",
    ),
    "REVISION_CONFLICT": (
        "The artifact is not at the expected revision.",
        "Read it again and base the change on what it says now.",
    ),
    "RUN_ACTIVE": (
        "An agent run is already in progress in this repository.",
        "Wait for it with get_agent_run, or cancel it with cancel_agent_run.",
    ),
    "RUN_NOT_FOUND": (
        "No agent run has that id.",
        "List the runs with: rhctl runs",
    ),
    "SCHEMA_TOO_NEW": (
        "The database was written by a newer version; it is left as it is.",
        "Upgrade repo-harness, or choose another home with --home.",
    ),
    "SECRET_TRACKED": (
        "Git tracks the file that the repository's passphrase is written to.",
        "Take it out of git and out of the history that you publish: git rm --cached -r .repo-harness, then commit.",
    ),
    "SERVICE_FAILED": (
        "The service manager could not do what it was asked to.",
        "See what it knows with: rhctl service status",
    ),
    "SERVICE_INSTALLED": (
        "A service is installed already, for another home or by another program.",
        "See which with: rhctl service status",
    ),
    "SERVICE_UNAVAILABLE": (
        "This machine has no service manager that can run the daemon.",
        "Start a detached daemon, which lives until the machine restarts: rhctl service start",
    ),
    "SOURCE_NOT_READABLE": (
        "An artifact that the goal is made from cannot be read.",
        "Name a PRD and a sprint from list_workflow_files.",
    ),
    "SYMLINK_ESCAPE": (
        "A part of the path is a symbolic link; links are never followed.",
        "Name the real file.",
    ),
    "TIMEOUT": (
        "It did not finish in the time allowed.",
        "Try again; if it stays so, look at: rhctl doctor",
    ),
    "TOO_MANY_TRIES": (
        "Too many wrong passphrases are being answered at this moment; the right one is always accepted.",
        "Try again in a moment, or choose to approve the login in a terminal.",
    ),
    "TOOL_FAILED": (
        "The tool failed; nothing was changed.",
        "Try again; if it stays so, the owner finds the reason in the daemon's log.",
    ),
    "UNKNOWN_PARAMETER": (
        "The tool has no parameter of that name.",
        "Use the parameters of the tool's schema.",
    ),
    "UNKNOWN_TOOL": (
        "There is no tool of that name here.",
        "List the tools again; the client's list may be old.",
    ),
    "USAGE": (
        "The command line is not understood.",
        "See: rhctl VERB --help",
    ),
    "WOULD_OVERWRITE": (
        "The artifact exists; replacing it needs the revision that is being replaced.",
        "Read it, then pass its revision as expected_revision, or choose another slug.",
    ),
    "WRITE_FAILED": (
        "The file system refused the write; the old content is intact.",
        "Correct what the message names (space, permissions) and try again.",
    ),
    "WRONG_PASSPHRASE": (
        "The passphrase opens no repository that was asked for.",
        "Show it with: rhctl passphrase show",
    ),
}

_EXITS = {"USAGE": 2, "NO_DAEMON": 3, "REPO_NOT_FOUND": 4, "REPO_NOT_ADOPTED": 4}


def exit_code(code: str) -> int:
    """Return the exit code of a command that ends with `code`: 2 usage, 3 no daemon, 4 no such repo, else 1."""
    return _EXITS.get(code, 1)
