"""The environment of an agent: an allow-list, since the daemon's own may hold what is none of an agent's business."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

COMMON = (
    "HOME",
    "LOGNAME",
    "PATH",
    "SHELL",
    "TMPDIR",
    "TZ",
    "USER",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
)
"""Variables that every agent is given, beside those of the locale (LANG, LANGUAGE, LC_*)."""

FIXED = {"TERM": "dumb", "NO_COLOR": "1"}


def agent_environment(
    environ: Mapping[str, str], *, own: Iterable[str] = (), more: Iterable[str] = ()
) -> dict[str, str]:
    """Return the environment that an agent is started with.

    Args:
        environ: the daemon's.
        own: variables that are the agent's own (`CODEX_HOME`).
        more: variables that the owner names in the setting `agent_env`, such as API keys.
    """
    names = {*COMMON, "LANG", "LANGUAGE", *own, *more}
    given = {name: value for name, value in environ.items() if name in names or name.startswith("LC_")}
    # A relative entry would mean the repository that the agent starts in.
    path = [folder for folder in given.get("PATH", "").split(":") if folder.startswith("/")]
    return {**given, "PATH": ":".join(path) or "/usr/local/bin:/usr/bin:/bin", **FIXED}
