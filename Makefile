# todoke. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
SCHEMA := src/todoke_sandbox/schema
WORKER := src/todoke/render/bin/render-worker

.PHONY: help setup demo recording test test-quick lint bench plane judges wheels lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: .venv/.ready $(WORKER) ## the virtual environment in .venv, with the program at .venv/bin/todoke, and the render worker


.venv/.ready: requirements/dev.txt requirements/uv.txt requirements/sandbox-schema.txt pyproject.toml \
  $(SCHEMA)/make_definitions.py $(SCHEMA)/wire.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11) and "todoke needs Python 3.11 or newer: make setup PYTHON=/path/to/python3.11")'
	@echo "installing the locked dependencies ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@echo "making the sandbox's schemas ..."
	@$(BIN)/python -m todoke_sandbox.schema.make_definitions $(SCHEMA)/data
	@touch $@
	@echo "ready: $(BIN)/todoke"

$(WORKER): .venv/.ready $(wildcard render-worker/*) $(wildcard tools/*)
	@echo "building the render worker (Go; a minute the first time) ..."
	@$(BIN)/python render-worker/build.py >/dev/null
	@touch $@

demo: .venv/.ready ## see it first: a commit's whole story, on a cluster of its own (ARGS=--exit ends after it)
	@$(BIN)/todoke demo $(ARGS)

recording: .venv/.ready ## play the story once more into docs/demo.cast, for `asciinema play`
	@$(BIN)/todoke demo --exit --record docs/demo.cast $(ARGS)

plane: setup ## build the real control plane (etcd, kube-apiserver, kube-controller-manager) into a cache outside the checkout
	@$(BIN)/python tests/cluster/plane/build.py

judges: setup ## fetch the real kubectl, Helm and Jsonnet that judge rendering, into the same cache
	@$(BIN)/python -m tests.render.golden.judges

test: setup plane judges ## everything, on the real control plane
	@$(BIN)/python -m pytest $(ARGS)

test-quick: setup ## all that needs no control plane, in less than a minute
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not plane and not anywhere and not judge and not slow" $(ARGS)

lint: setup ## formatting, style, types, import contracts
	@$(BIN)/ruff format --check src tests bench tools render-worker
	@$(BIN)/ruff check src tests bench tools render-worker
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

bench: setup plane ## the figures in bench/README.md; takes about ten minutes
	@$(BIN)/python -m bench.gitops $(ARGS)

wheels: setup ## one wheel for each machine that is released, into dist/; the first time this takes minutes
	@$(BIN)/python -m tools.wheels --all

lock: setup ## bring the locked requirements up to date
	@cd requirements && for name in uv run dev; do \
	  ../$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header --universal --python-version 3.11 $$name.in -o $$name.txt; done; \
	../$(BIN)/uv pip compile --quiet --no-deps --generate-hashes --no-header --universal --python-version 3.11 \
	  sandbox-schema.in -o sandbox-schema.txt

clean: ## remove what setup made; the control plane's cache stays
	@rm -rf .venv $(SCHEMA)/data $(WORKER) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache dist
