# make run: a working gateway.  make test: the whole suite.  Needs Python >= 3.11 and nothing else.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
# one test process more than cores, for many tests wait for processes; never more than four: they share one database server
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); n=$$((n + 1)); [ $$n -gt 4 ] && n=4; echo $$n)

.PHONY: run test chaos lint types format bench bench-peers lock clean

run: $(VENV)/.run
	@$(BIN)/filmgate serve $(ARGS)

# bytecode is written whatever the environment says: every worker, and every gateway that a test starts, would compile all anew
test: $(VENV)/.dev
	@PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n $(WORKERS) --dist worksteal $(ARGS)

# a thousand kills of two gateways on one PostgreSQL database, some minutes
chaos: $(VENV)/.dev
	@$(BIN)/python -m tests.chaos $(ARGS)

lint: $(VENV)/.dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(VENV)/.dev
	@$(BIN)/mypy

format: $(VENV)/.dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# all workloads, or some: make bench ARGS="W1 W5"; needs Linux and a C compiler
bench: $(VENV)/.dev
	@$(BIN)/python -m bench $(ARGS)

# the same rounds with LiteLLM and Portkey beside the gateway; the first time, pip and npm install them below bench/results
bench-peers: $(VENV)/.dev
	@$(BIN)/python -m bench --peers $(ARGS)

# needs pip-tools or uv; both write the same pinned, hashed form without any address
lock:
	uv pip compile pyproject.toml --extra build --universal --python-version 3.11 --generate-hashes --no-header -o requirements.lock
	uv pip compile pyproject.toml --extra build --extra dev --universal --python-version 3.11 --generate-hashes --no-header \
		-c requirements.lock -o requirements-dev.lock

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Filmgate needs Python 3.11 or newer, this is " + sys.version) if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(BIN)/python requirements.lock pyproject.toml
	@echo "Preparing $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@echo "Preparing $(VENV) for development ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements-dev.lock
	@touch $@
