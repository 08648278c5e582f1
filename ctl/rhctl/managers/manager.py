"""`Manager`: what a service manager can do for the daemon's service, and what it knows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhctl.managers.steps import Step
    from rhctl.managers.unit_files import Spec


class State(NamedTuple):
    """What the manager knows of the service.

    Attributes:
        is_enabled: it starts with the session, or with the machine where the session lingers.
        sockets: `active` if a connection starts the service, else `inactive` or `failed`.
        service: `active`, `activating`, `deactivating`, `inactive` or `failed`.
        pid: of its daemon, or None.
        problem: why it failed, in the daemon's own words where it said any.
    """

    is_enabled: bool
    sockets: str
    service: str
    pid: int | None
    problem: str | None


class Manager(Protocol):
    """One service manager, for the user who runs this."""

    @property
    def name(self) -> str:
        """`systemd` or `launchd`."""

    @property
    def environ(self) -> dict[str, str]:
        """What its commands need to reach it."""

    @property
    def files(self) -> tuple[str, ...]:
        """Where the service's files are, or would be."""

    def check(self) -> None:
        """Return if the manager can be reached.

        Raises:
            HarnessError: SERVICE_UNAVAILABLE, with the reason.
        """

    def installed(self) -> Spec | None:
        """Return what is installed; None if nothing is. Asks the files, not the manager.

        Raises:
            HarnessError: SERVICE_INSTALLED, something of that name is there and it is not ours.
        """

    def state(self) -> State:
        """Return what the manager knows of the service now."""

    def lingers(self) -> bool | None:
        """Say whether the service outlives the user's last session; None where that is no question or unknown."""

    def log_command(self) -> str:
        """Return the command that shows what the service says."""

    def launch(self) -> None:
        """Start the service for a client that needs it; a service that failed too often stays as it is.

        Raises:
            HarnessError: it did not start.
        """

    def plan_install(self, spec: Spec, handover: Sequence[Step]) -> list[Step]:
        """Return the steps that make `spec` the installed, enabled and started service; none if it is.

        Args:
            handover: what ends a daemon that serves the home instead; taken right before the service starts, when
                a client that looks for a service finds it installed already.
        """

    def plan_files(self, spec: Spec) -> list[Step]:
        """Return the steps that write the service's files, whatever is there."""

    def plan_uninstall(self) -> list[Step]:
        """Return the steps that end the service and remove its files."""

    def plan_start(self, spec: Spec) -> list[Step]:
        """Return the steps that start it, on the address that `spec` names."""

    def plan_stop(self) -> list[Step]:
        """Return the steps that stop it and its sockets, until the next login or start."""

    def plan_restart(self, spec: Spec, handover: Sequence[Step]) -> list[Step]:
        """Return the steps that restart it; its sockets stay, unless `spec` names another address."""
