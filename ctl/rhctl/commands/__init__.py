"""One file a command: `run(arguments)` returns its exit code."""
