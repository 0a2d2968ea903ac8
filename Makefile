# What a user types stands first; `make help` lists it.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test lint types check format clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY)  ## Load the sample leads into the embedded simulator and show the answers
	@mkdir -p demo
	$(BIN)/obi load samples/leads.csv --simulate --campaign "Test Preview Campaign" --region GB \
		--results demo/leads.results.csv --rejects demo/leads.rejects.csv --state-dir demo/state --new-run --yes
	@echo
	@head -n 4 demo/leads.results.csv | cut -c 1-160

test: $(READY)  ## Run the tests
	$(BIN)/python -m pytest -n 2

lint: $(READY)  ## Check format and style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)  ## Check types
	$(BIN)/mypy

check: lint types test  ## All of it: lint, types, test

format: $(READY)  ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## Remove what was built
	rm -rf .venv demo dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
