"""`rhctl`, the daemon's client, and `repo-harness`, its older front. Never imports the daemon.

What runs often (`connect`, `status`, `repos`, `events`, `start`, `stop`, `passphrase`, `version`) imports the standard
library only; whatever else is needed is imported inside the function that needs it.
"""
