"""The daemon, all of it, but every endpoint serves the suite's fixtures: `python -m tests.conformance.daemon …`."""

from __future__ import annotations

import sys

from rhd import commandline
from rhd.mcpserver import repo_servers as endpoints
from tests.conformance.fixtures import make_server

if __name__ == "__main__":
    endpoints.make_server = make_server
    sys.exit(commandline.main(sys.argv[1:]))
