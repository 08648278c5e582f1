"""The control socket: one file a verb, of the same name as the client's command. docs/control.md is its page."""
