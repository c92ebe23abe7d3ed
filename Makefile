# Every task of this repository. `make help` lists them.
SHELL := bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.9
MEMBERS := shared cli proxy services/galley services/pilot services/citadel services/injector tests/testkit
SOURCES := $(MEMBERS:%=%/pyproject.toml)
TREE := shared cli proxy services tests tools
INSTALLED := $(VENV)/.installed
STUBS := typings/.made
ENVIRONMENT := UV_PROJECT_ENVIRONMENT=$(VENV) VIRTUAL_ENV=$(VENV) UV_NO_PROGRESS=1

.PHONY: help install up down status test test-again test-full test-compose conformance bench lint type golden wire toolbox lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

install: $(INSTALLED) ## .venv with everything, .venv/bin/meltemi in it

# uv comes from pip, the packages from hashes, the members in place and editable.
# The build backend is pinned among the hashes, so nothing is fetched unchecked.
$(INSTALLED): requirements.txt pyproject.toml $(SOURCES)
	@$(PYTHON) -c 'import sys; sys.exit("Meltemi needs Python 3.11 or newer, found %d.%d: make PYTHON=python3.11 install" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(UV) || $(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	$(ENVIRONMENT) $(UV) pip install --quiet --require-hashes -r requirements.txt
	$(ENVIRONMENT) $(UV) pip install --quiet --no-deps --no-build-isolation $(MEMBERS:%=-e ./%)
	@touch $@

up: install ## start the demo mesh (meltemi up --demo)
	$(BIN)/meltemi up --demo

down: ## stop it
	@if test -x $(BIN)/meltemi; then $(BIN)/meltemi down; fi

status: install ## what runs, where
	$(BIN)/meltemi status

lint: install ## style, imports, sizes, namespace
	$(BIN)/ruff check $(wildcard $(TREE))
	$(BIN)/ruff format --check $(wildcard $(TREE))
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/taste.py $(wildcard $(TREE))
	$(BIN)/python tools/namespace.py

type: install $(STUBS) ## mypy --strict over every member and the tests
	$(BIN)/mypy
	$(BIN)/mypy tools tests --exclude '^tests/testkit/' # checked above, as a package

$(STUBS): tools/stubs.py $(INSTALLED)
	$(BIN)/python tools/stubs.py typings
	@touch $@

test: install ## unit, golden, property, contract, component and system tests
	$(BIN)/python -m pytest

FAILED = .pytest_cache/v/cache/lastfailed
test-again: install ## the tests that failed just now, at most five, once more and alone
	@$(BIN)/python -c 'import json, sys; sys.exit(not 0 < len(json.load(open("$(FAILED)"))) <= 5)'
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures=none

test-full: install ## what takes minutes: long fuzzing, torture
	$(BIN)/python -m pytest -m full --timeout=1800

CONTAINED := etcd nats vault
test-compose: install ## docker-compose.yml in a Docker daemon, which is started where it may be
	$(BIN)/python -m pytest -m compose tests/compose
	@if docker image inspect $(CONTAINED:%=meltemi/%:test) >/dev/null 2>&1; then set -x; \
	  $(BIN)/python -m pytest tests/component/test_etcd.py tests/component/test_nats.py tests/contract \
	    tests/component/citadel/test_vault_logins.py $(foreach each,$(CONTAINED),--$(each)-image meltemi/$(each):test); fi

PEER = $(if $(PEER_ADS),--peer-ads $(PEER_ADS)) $(if $(PEER_SOURCE),--peer-source $(PEER_SOURCE)) $(if $(PEER_PID),--peer-pid $(PEER_PID))
PLAYED = $(if $(SIZES),--sizes $(SIZES)) $(if $(CORPUS),--corpus $(CORPUS)) $(if $(SEED),--seed $(SEED)) $(if $(SAMPLES),--samples $(SAMPLES)) $(if $(PILOTS),--pilots $(PILOTS)) $(if $(TLS),--tls)
bench: install ## what things cost here, now: make bench [SUITE=name] [SIZES=100x100] [CORPUS=http|tcp|mixed|sidecar] [SEED=1] [SAMPLES=5] [PILOTS=1] [TLS=1] [CHURN=60] [WITNESSES=5] [SOAK=300] [PEER_ADS=HOST:PORT PEER_SOURCE=HOST:PORT [PEER_PID=PID]] [OUT=bench.json] [STRICT=1: fail on a missed target]
	$(BIN)/python tests/bench $(SUITE) --out $(or $(OUT),bench.json) $(if $(STRICT),--strict) $(PLAYED) $(if $(CHURN),--churn $(CHURN)) $(if $(WITNESSES),--witnesses $(WITNESSES)) $(if $(SOAK),--soak $(SOAK)) $(PEER)

DATA ?= $(MELTEMI_SHARED:%=%/conformance)
conformance: install ## Istio's own cases: DATA=DIR [SUITE=name] [CASE=part]
	@$(BIN)/python tests/conformance/runner.py "$(DATA)" --suite "$(SUITE)" --case "$(CASE)"

golden: install ## rewrite the golden files for review
	$(BIN)/python -m pytest tests/golden --rewrite-goldens

TOOLBOX := deploy/toolbox
TOOLS := .tools/bin
GO_BUILD = GOFLAGS=-buildvcs=false CGO_ENABLED=0 GOTOOLCHAIN=local go build -trimpath -ldflags '-s -w'

toolbox: $(TOOLS)/etcd $(TOOLS)/vaultd ## build etcd 3.6 and a Vault server into .tools/bin, where Go is installed

# What changes nothing is not built again; Go itself decides by content.
$(TOOLS)/etcd: $(shell find $(TOOLBOX)/etcd -type f)
	cd $(TOOLBOX)/etcd && $(GO_BUILD) -o $(CURDIR)/$(TOOLS)/ ./cmd/...
	@touch $@

$(TOOLS)/vaultd: $(shell find $(TOOLBOX)/vault -type f)
	cd $(TOOLBOX)/vault && $(GO_BUILD) -o $(CURDIR)/$(TOOLS)/ ./cmd/...
	@touch $@

wire: install ## rewrite the generated message classes
	$(BIN)/python -m grpc_tools.protoc -Ishared/src --python_out=shared/src --pyi_out=shared/src shared/src/meltemi/store/wire/*.proto

lock: ## pin the newest allowed packages in requirements.txt
	$(ENVIRONMENT) $(UV) lock --upgrade
	$(ENVIRONMENT) $(UV) export --quiet --all-packages --all-extras --all-groups --no-emit-workspace --no-annotate --no-header --format requirements-txt -o requirements.txt
	echo cyclonedx-bom | $(ENVIRONMENT) $(UV) pip compile --quiet --upgrade --generate-hashes --no-annotate --no-header --python-version 3.11 - -o deploy/docker/sbom.txt

clean: ## remove what the targets made
	rm -rf $(VENV) typings .mypy_cache .ruff_cache .pytest_cache .hypothesis
