# Every target sets up what it needs, on a machine with python3 (3.11 or newer), git and make.

PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
READY   = $(VENV)/.ready
# Two tests at a time, each process with servers of its own; on a server of yours one at a time.
PYTEST  = $(BIN)/pytest $(if $(TSMIGRATE_TEST_URL),,-n 2)

.DEFAULT_GOAL = help
.PHONY: help demo test test-slow rollback-test check format bench bench-convert bench-split docs truth-table constraints clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 16

$(READY): pyproject.toml constraints.txt scripts/environment.py
	$(PYTHON) scripts/environment.py $(VENV)
	@touch $@

demo: $(READY) ## the main job, start to end, on a throwaway database
	@PATH="$(abspath $(BIN)):$$PATH" sh scripts/demo.sh

test: $(READY) ## all tests but the slow ones, on every TimescaleDB edition found
	$(PYTEST)

test-slow: $(READY) ## the tests that take a minute or more each
	$(PYTEST) -m slow

rollback-test: $(READY) ## every revision of the worked example up, down and up again
	@PATH="$(abspath $(BIN)):$$PATH" sh scripts/rollback_test.sh

check: $(READY) ## what the gate runs: format, lint, types, layers, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST)

format: $(READY) ## format and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) ## the figures in docs/measurements.md
	$(BIN)/python benchmarks/sandbox.py
	$(BIN)/python benchmarks/lint.py
	$(BIN)/python benchmarks/autogenerate.py --plain

bench-convert: $(READY) ## how long a conversion locks a table of 5 million rows, beside its limit; some minutes
	$(BIN)/python benchmarks/convert.py $(BENCH)

bench-split: $(READY) ## how long splitting an attached table takes and locks, beside split_chunk; Community only
	$(BIN)/python benchmarks/split.py $(BENCH)

docs: $(READY) ## the reference pages, generated from the code
	$(BIN)/python docs/generate.py

truth-table: $(READY) ## what chunk exclusion does, asked again of a server of each edition
	$(BIN)/python scripts/truth_table.py

constraints: ## try the newest versions of everything and write them to constraints.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet pip hatchling editables --upgrade
	$(BIN)/pip install --quiet --no-build-isolation --editable '.[dev]'
	$(BIN)/pip freeze --all --exclude-editable | grep -E '^[A-Za-z0-9._-]+==' | grep -v '^setuptools=' > constraints.txt

clean: ## delete what the other targets made here; sandboxes and fetched engines have their own commands
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
