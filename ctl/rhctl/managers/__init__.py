"""The daemon as a service of one user: systemd's user manager, launchd's agents. What is done is a list of steps."""
