# Everything one does here. Each target does all its own set-up; a fresh machine needs Python 3.11 or newer, git, make.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Where it is set, every process that the tests start would compile our modules anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run test quick format lint type imports pytest pythons faults bench conformance clients pages lock docs clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(STAMP)  ## build .venv with rhd, rhctl and repo-harness in it

$(STAMP): requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

run: setup  ## run the daemon in the foreground with a demo repository adopted; or REPO=path, PORT=number
	@$(BIN)/python scripts/run.py $(if $(REPO),--repo "$(REPO)") $(if $(PORT),--port $(PORT))

test: lint type imports pytest  ## everything that must hold before a commit; what CI runs

format: setup  ## format the code
	$(BIN)/ruff format daemon ctl tests scripts

lint: setup
	$(BIN)/ruff format --quiet --check daemon ctl tests scripts
	$(BIN)/ruff check --quiet daemon ctl tests scripts

type: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports --no-cache > .venv/imports.log || { cat .venv/imports.log; exit 1; }

pytest: setup
	$(BIN)/pytest --numprocesses 3 --dist worksteal --quiet

quick: setup  ## only the tests that a change is likely to break: the last failures first
	$(BIN)/pytest --failed-first --exitfirst --quiet

pythons: setup  ## the tests on every supported Python that is found, or on PYTHONS="3.11 3.13"
	$(BIN)/python scripts/pythons.py $(PYTHONS)

faults: setup  ## kills, attackers, full disks, races, a real systemd: long
	HYPOTHESIS_PROFILE=searching $(BIN)/pytest --override-ini=testpaths=tests/faults --override-ini=faulthandler_timeout=0 tests/faults

bench: setup  ## measure every figure beside the bare SDK; ARGS=--write writes docs/figures.md
	$(BIN)/python -m tests.bench $(ARGS)

conformance: setup  ## the official MCP conformance suite, both revisions; writes docs/conformance.md
	$(BIN)/python -m tests.conformance

clients: setup  ## real clients: agents, the MCP Inspector, mcp-remote, SDKs, frameworks; writes docs/clients.md
	$(BIN)/pytest --override-ini=testpaths=tests/clients --override-ini=timeout=900 --override-ini=faulthandler_timeout=0 tests/clients

pages: setup  ## the consent page and the terminal views in a real Chromium; writes docs/images
	$(BIN)/pytest --override-ini=testpaths=tests/pages tests/pages

docs: setup  ## write the generated parts of docs/ anew
	$(BIN)/python scripts/docs.py

lock: setup  ## resolve the dependencies anew; names no package index
	$(BIN)/python scripts/lock.py

clean:  ## remove what the other targets made
	rm -rf .venv demo .bench .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
