"""The doctor's table: everything that it can find, each with its audience, what it says, why, and what to do.

A finding names its row by id, such as `port.taken`, and fills in what is between braces. `{rhctl}` is the client as it
is typed for this home, `{run}` asks the owner to run a command or, where a model reads it, to have the owner run it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

OK, WARNING, ERROR = "ok", "warning", "error"
OWNER, MODEL = "owner", "model"


class Check:
    """One row.

    Attributes:
        status: `ok`, `warning` or `error`.
        audience: `owner`, or `model` where `harness_doctor` shows it too, without any path of the machine.
        message: what was found.
        cause: why it is so, or None.
        next_step: what to do; None where nothing is to be done.
    """

    __slots__ = ("audience", "cause", "message", "next_step", "status")

    def __init__(
        self, status: str, audience: str, message: str, cause: str | None = None, next_step: str | None = None
    ) -> None:
        self.status = status
        self.audience = audience
        self.message = message
        self.cause = cause
        self.next_step = next_step


CHECKS: Mapping[str, Check] = {
    # The installation.
    "home.ok": Check(OK, OWNER, "{home}"),
    "home.unusable": Check(ERROR, OWNER, "{message}", None, "{next_step}"),
    "settings.broken": Check(ERROR, OWNER, "{message}", None, "{next_step}"),
    "secrets.ok": Check(OK, OWNER, "no other user can read what is secret"),
    "secrets.open": Check(
        ERROR,
        OWNER,
        "other users of this machine can reach {path}",
        "it holds secrets, and its permissions are {mode}",
        "Run: chmod go= {files}",
    ),
    "secrets.foreign": Check(
        ERROR,
        OWNER,
        "{path} belongs to another user",
        "its owner can change what the daemon trusts",
        "Run: sudo chown {user} {files}",
    ),
    "daemon.running": Check(OK, OWNER, "process {pid} serves this home"),
    "daemon.down": Check(WARNING, OWNER, "no daemon is running", None, "Start one with: {rhctl} service start"),
    "daemon.hangs": Check(ERROR, OWNER, "{message}", "it has sent nothing for 10 seconds", "{next_step}"),
    "socket.ok": Check(OK, OWNER, "{path}"),
    "socket.missing": Check(
        ERROR,
        OWNER,
        "the control socket is missing: {reason}",
        "something removed it while the daemon ran",
        "Restart the daemon; it has process id {pid}: kill {pid}; then: {rhctl} service start",
    ),
    "socket.open": Check(
        ERROR,
        OWNER,
        "the control socket {path} is not yours alone",
        "its permissions or its owner were changed",
        "Run: {rhctl} service restart",
    ),
    "port.free": Check(OK, OWNER, "port {port} is free"),
    "port.ok": Check(OK, OWNER, "{url} answers"),
    "port.silent": Check(
        ERROR,
        OWNER,
        "{url} does not answer as this daemon",
        "{reason}",
        "Run: {rhctl} service restart",
    ),
    "port.taken": Check(
        ERROR,
        OWNER,
        "port {port} on {host} cannot be used: another program listens on it",
        None,
        "Stop that program, or choose another port: {rhctl} service start --port {other}",
    ),
    "port.other_daemon": Check(
        ERROR,
        OWNER,
        "port {port} on {host} cannot be used: another rhd listens on it",
        "it serves another home, or belongs to another user",
        "Choose another port: {rhctl} service start --port {other}",
    ),
    "port.unusable": Check(
        ERROR,
        OWNER,
        "port {port} on {host} cannot be used: {reason}",
        None,
        "Choose another address: {rhctl} config set host 127.0.0.1",
    ),
    "database.ok": Check(OK, OWNER, "{path}"),
    "database.new": Check(OK, OWNER, "{path} will be made at the first start"),
    "database.unreadable": Check(
        ERROR, OWNER, "{path} cannot be read: {reason}", None, "Restore it from a backup (docs/operations.md)."
    ),
    "database.damaged": Check(
        ERROR, OWNER, "{path} is damaged: {reason}", None, "Restore it from a backup (docs/operations.md)."
    ),
    "database.newer": Check(
        ERROR,
        OWNER,
        "{path} was written by a newer version of repo-harness",
        None,
        "Upgrade repo-harness, or choose another home with --home.",
    ),
    "store.ok": Check(OK, OWNER, "the database accepts changes"),
    "store.failing": Check(ERROR, OWNER, "{message} ({path})", "{kept}", "{next_step}"),
    "disk.ok": Check(OK, OWNER, "{free} are free where the database lies"),
    "disk.low": Check(
        WARNING,
        OWNER,
        "the disk that holds {path} is nearly full",
        "{free} and {inodes} inodes are free",
        "Free space on it: without any, nothing can be recorded.",
    ),
    "disk.full": Check(
        ERROR,
        OWNER,
        "the disk that holds {path} is full",
        "{free} and {inodes} inodes are free",
        "Free space on it: without any, nothing can be recorded.",
    ),
    "disk.unknown": Check(ERROR, OWNER, "{path} cannot be looked at: {reason}", None, "Look at its disk."),
    "clock.ok": Check(OK, OWNER, "the clock is not behind what was recorded"),
    "clock.behind": Check(
        ERROR,
        OWNER,
        "the clock is {behind} behind what was recorded last",
        "it was set back; until then tokens last too long and new ones look old",
        "Set the clock, for example: sudo timedatectl set-ntp true",
    ),
    "programs.ok": Check(OK, OWNER, "on the daemon's PATH: {names}"),
    "programs.agent_missing": Check(
        ERROR,
        OWNER,
        "{agent} may be run, and is not on the daemon's PATH",
        "the daemon's PATH is {path}",
        "Install {agent} where that PATH leads, or install the service anew from a shell that finds it: "
        "{rhctl} service install",
    ),
    # The service.
    "service.ok": Check(OK, OWNER, "{manager} keeps the daemon running"),
    "service.none": Check(
        OK,
        OWNER,
        "no service is installed, so the daemon ends with the machine or your session",
        None,
        "To have it always on: {rhctl} service install",
    ),
    "service.problem": Check(ERROR, OWNER, "the service: {message}", None, "{next_step}"),
    "service.not_enabled": Check(
        WARNING,
        OWNER,
        "the service does not start with your session",
        "it was disabled after it was installed",
        "Run: {rhctl} service install",
    ),
    "linger.ok": Check(OK, OWNER, "the service runs without a session of yours"),
    "linger.off": Check(
        WARNING,
        OWNER,
        "the service ends with your last session",
        "lingering is off for your user",
        "Run: loginctl enable-linger",
    ),
    # The way of remote clients.
    "endpoint.none": Check(
        OK,
        OWNER,
        "no public endpoint is recorded; only local clients can connect",
        None,
        "For ChatGPT, record your tunnel's URL: {rhctl} endpoint https://HOST/mcp",
    ),
    "endpoint.recorded": Check(OK, OWNER, "{url}/mcp"),
    "endpoint.ok": Check(OK, OWNER, "{url} leads to this daemon"),
    "endpoint.unreachable": Check(
        ERROR,
        OWNER,
        "{url} cannot be reached from here: {reason}",
        "the tunnel is down, or its name has changed",
        "Start the tunnel; {rhctl} tunnel prints its commands. If its name has changed: "
        "{rhctl} endpoint https://HOST/mcp --replace",
    ),
    "endpoint.elsewhere": Check(
        ERROR,
        OWNER,
        "{url} leads to something else than this daemon",
        "{reason}",
        "Point the tunnel to {local}; {rhctl} tunnel prints its commands",
    ),
    "endpoint.issuer": Check(
        ERROR,
        OWNER,
        "{url} answers with the issuer {issuer}",
        "clients refuse an issuer that is not exactly the URL they came by; the tunnel changes the Host header",
        "Have the tunnel pass the Host header on as it is; {rhctl} tunnel prints its commands",
    ),
    "redirects.ok": Check(OK, OWNER, "no client was refused for its redirect lately"),
    "redirects.refused": Check(
        WARNING,
        OWNER,
        "{count} logins were refused within a week since their redirect is not known; the last one was to {uri}",
        "a hosted client that is new here, or an attempt to get a token to another address",
        "If it is a client of yours, record its redirect: {rhctl} config set further_redirects '[\"{uri}\"]'; "
        "else nothing is to be done, and the line goes after a week.",
    ),
    "client_file.ok": Check(OK, OWNER, "{path} starts this program"),
    "client_file.missing": Check(
        ERROR,
        OWNER,
        "{path} names a program that is not there: {program}",
        "repo-harness was moved or installed anew",
        "Run: {rhctl} setup {client} --scope {scope}{write}",
    ),
    # Watching.
    "watching.ok": Check(OK, OWNER, "{used}"),
    "watching.tight": Check(
        WARNING,
        OWNER,
        "{used}",
        "the system's allowance is used up, or nearly so, by this daemon and your other programs",
        "{next_step}",
    ),
    "watch.ok": Check(OK, MODEL, "changes are noticed at once"),
    "watch.polled": Check(WARNING, MODEL, "changes are noticed by looking every few seconds", "{cause}", "{next_step}"),
    # One repository.
    "repository.ok": Check(OK, MODEL, "it is served"),
    "repository.opening": Check(OK, MODEL, "the repository is being opened"),
    "repository.gone": Check(
        ERROR,
        MODEL,
        "the repository's folder is not where it was adopted",
        "it was moved or removed",
        "{run}{rhctl} adopt PATH, where it now is; or, if it is gone: {rhctl} forget {slug}",
    ),
    "repository.drive_gone": Check(
        ERROR,
        MODEL,
        "the drive that holds the repository is not there",
        "it was removed, or is not mounted",
        "Connect or mount the drive; the repository is served again within a minute. If it is somewhere else now: "
        "{run}{rhctl} adopt PATH; if it is gone: {rhctl} forget {slug}",
    ),
    "repository.id_removed": Check(
        ERROR,
        MODEL,
        "the repository holds no id any more",
        ".repo-harness/id was removed from it, as git clean -fdx does",
        "{run}{rhctl} adopt {path}",
    ),
    "repository.replaced": Check(
        ERROR,
        MODEL,
        "another repository stands where this one was adopted",
        "its .repo-harness/id is another one",
        "{run}{rhctl} forget {slug}; and to adopt the one that is there: {rhctl} adopt {path}",
    ),
    "repository.broken": Check(ERROR, MODEL, "the repository cannot be served", "{message}", "{next_step}"),
    "repository.problem": Check(WARNING, MODEL, "{message}", None, "{next_step}"),
    "repository.unwritable": Check(
        ERROR,
        MODEL,
        "the repository cannot be written to, so nothing can be planned in it",
        "its file system is read-only, or its folders do not let the daemon's user write",
        "Mount it writable, or let the daemon's user write to its folders: chmod -R u+w plans tasks .ai",
    ),
    "profiles.ok": Check(OK, MODEL, "started: {names}"),
    "profiles.none": Check(
        WARNING,
        MODEL,
        "no profile is started, so HTTP clients are served nothing",
        None,
        "{run}{rhctl} start {slug}",
    ),
    "workflow.ok": Check(OK, MODEL, "{count} artifacts, none of them at odds"),
    "workflow.no_prd": Check(
        WARNING,
        MODEL,
        "there are sprints, but no PRD that they could come from",
        None,
        "Write the intent down with write_prd_from_idea.",
    ),
    "workflow.failed_check": Check(
        WARNING, MODEL, "the newest check, {name}, failed", None, "Read it with latest_checks."
    ),
    "passphrase.ok": Check(OK, OWNER, "the passphrase is out of git's reach"),
    "passphrase.tracked": Check(
        ERROR,
        OWNER,
        "git tracks the file that holds the passphrase",
        "everyone who has the repository can connect to it",
        "In the repository, run: git rm --cached -r .repo-harness; commit; then: {rhctl} passphrase rotate {slug}",
    ),
    "passphrase.not_ignored": Check(
        ERROR,
        OWNER,
        "git add would take the file that holds the passphrase",
        ".repo-harness/.gitignore is missing or not the one that adopting wrote",
        "Put it back and replace the passphrase: {rhctl} passphrase rotate {slug}",
    ),
    "passphrase.open": Check(
        WARNING,
        OWNER,
        "other users of this machine can look into .repo-harness",
        None,
        "In the repository, run: chmod 700 .repo-harness; or replace the passphrase: {rhctl} passphrase rotate {slug}",
    ),
    "passphrase.differs": Check(
        WARNING,
        OWNER,
        "the repository holds no copy of the passphrase that is in force",
        "the copy was edited, restored from a backup or removed",
        "Replace the passphrase, which writes the copy anew: {rhctl} passphrase rotate {slug}",
    ),
}
