# What a user types stands first; `make help` lists it.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
BENCH_BIN := .venv-bench/bin
BENCH_READY := .venv-bench/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test contract chaos bench lint types check format clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

# An environment of its own: what the peers bring along must not change how tests and types are checked.
$(BENCH_READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-bench
	$(BENCH_BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	@touch $@

demo: $(READY)  ## Load the sample leads into the embedded simulator and show the answers
	@rm -rf demo && mkdir demo
	$(BIN)/obi load samples/leads.csv --simulate --campaign "Test Preview Campaign" --region GB \
		--results demo/leads.results.csv --rejects demo/leads.rejects.csv --state-dir demo/state --yes --quiet
	@echo
	@echo "The first rows of demo/leads.results.csv, some of its columns (the ' keeps spreadsheets from eating a +):"
	@$(BIN)/python -c 'import csv, itertools; \
		shown = ["External ID", "First Name", "Phone 1", "obi_row", "obi_status", "obi_numbers"]; \
		rows = csv.DictReader(open("demo/leads.results.csv", encoding="utf-8-sig")); \
		[print("  {:12}{:12}{:22}{:9}{:12}{}".format(*row)) for row in \
			[shown, *([row[name] for name in shown] for row in itertools.islice(rows, 5))]]'
	@echo
	@echo "And a file with a trouble in every row:"
	@echo "  $(BIN)/obi load samples/leads-dirty.csv --profile samples/leads-dirty.toml --simulate \\"
	@echo "      --campaign 'Test Preview Campaign' --results demo/dirty.results.csv --rejects demo/dirty.rejects.csv \\"
	@echo "      --state-dir demo/state"

test: $(READY)  ## Run the tests
	$(BIN)/python -m pytest -n 2

contract: $(READY)  ## Ask the simulator a thousand generated requests for each call, some minutes
	CONTRACT_EXAMPLES=1000 $(BIN)/python -m pytest -n 2 tests/contract

lint: $(READY)  ## Check format and style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)  ## Check types
	$(BIN)/mypy

check: lint types test  ## All of it: lint, types, test

chaos: $(READY)  ## Faults by the thousand and kills by the hundred, some 20 minutes (a million rows too: CHAOS=--soak)
	$(BIN)/python -m benchmarks.chaos $(CHAOS)

bench: $(BENCH_READY)  ## Measure speed and memory beside others, three quarters of an hour or so (less: BENCH=--short)
	$(BENCH_BIN)/python -m benchmarks $(BENCH)

format: $(READY)  ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## Remove what was built
	rm -rf .venv .venv-bench demo dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
