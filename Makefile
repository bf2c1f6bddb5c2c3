# The only door to everything. `make` alone prints the verbs.

PYTHON ?= python3
BIN := .venv/bin
MEMBERS := shared $(addprefix services/,gateway intent planner trust executor saga engines billing cli connectors/travel connectors/payment connectors/instant connectors/maps connectors/shopping connectors/http) \
  deploy/local deploy/sandbox
PORTIONS := contracts language kit testkit gateway intent planner trust executor saga engines billing cli connectors.travel connectors.payment connectors.instant connectors.maps connectors.shopping connectors.http local sandbox
# mypy sees a portion of the namespace only if it is named, and refuses a name that has no module yet
MODULES = $(foreach portion,$(PORTIONS),$(if $(wildcard $(addsuffix /tuntas/$(subst .,/,$(portion))/*.py,$(MEMBERS))),-p tuntas.$(portion)))
empty :=
MYPYPATH := $(subst $(empty) $(empty),:,$(strip $(MEMBERS)))
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# An environment made in another folder (a copied or moved checkout) points there: it is made anew.
ifneq ($(shell cat .venv/made-in 2>/dev/null),$(CURDIR))
REMAKE := anew
endif

.DEFAULT_GOAL := help
.PHONY: help setup demo up down env check test test-all nightly kill chaos simulate mutants bench bench-strain bench-peers conformance new-connector new-provider tidy generate lock lock-jars clean anew

help: ## print the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' | while IFS='|' read -r verb text; do \
	  printf '  %-13s %s\n' "$$verb" "$$text"; done

setup: .venv/members .tuntas/jars/checked ## make the environment in .venv and fetch Kafka; does nothing when all is there

demo: setup ## run the whole platform once, on this machine (JSON=1: as JSON; KEEP=1: leave it up; SPOIL=effect, posting or receipt: the judge must object)
	@$(BIN)/tuntas-local demo $(if $(JSON),--json) $(if $(KEEP),--keep) $(if $(SPOIL),--spoil $(SPOIL))

up: setup ## start the platform and leave it running (MANIFEST=: with the providers behind these manifests, files or addresses)
	@$(BIN)/tuntas-local up $(addprefix --manifest ,$(MANIFEST))

down: ## stop what `make up` or `make demo KEEP=1` left running
	@$(BIN)/tuntas-local down

check: .venv/dev .venv/members ## lint, types, layers and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=$(MYPYPATH) $(BIN)/mypy --strict $(MODULES)
	MYPYPATH=$(MYPYPATH) $(BIN)/mypy --strict tests deploy/tools
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/typos

SIDE_BY_SIDE := -n 2 --dist loadscope --no-loadscope-reorder

test: .venv/dev setup ## run the tests, without the slow ones
	$(BIN)/pytest $(SIDE_BY_SIDE) -m 'not slow'

test-all: .venv/dev setup ## run all tests, 40,000 histories (half of them new ones), the mutants and chaos; less than an hour
	$(BIN)/pytest $(SIDE_BY_SIDE)
	@$(MAKE) --no-print-directory simulate HISTORIES=20000
	@$(MAKE) --no-print-directory simulate HISTORIES=20000 STAGE=alone SEED=$$(date +%s)
	@$(MAKE) --no-print-directory mutants
	@$(MAKE) --no-print-directory chaos

nightly: .venv/dev setup ## play a million new histories, and 500 in memory and on servers
	@$(MAKE) --no-print-directory simulate HISTORIES=1000000 SEED=$$(date +%s)
	@$(BIN)/python -m tests.saga.grounds --histories 500 --seed $$(date +%s)

kill: .venv/dev setup ## kill services and servers at random under load, and check that nothing is lost
	@$(BIN)/tuntas-local kill

chaos: .venv/dev setup ## a thousand tasks in flight while processes, servers, connections and disks fail and versions change; prints the report
	@$(BIN)/tuntas-local chaos

env: .venv/members ## make the passwords and keys that docker compose needs (.env, .tuntas/compose); what is there stays
	@$(BIN)/python deploy/tools/environment.py

HISTORIES ?= 1000
SEED ?= 0
STAGE ?= runtime
simulate: .venv/members ## play histories of the whole platform, and judge them (HISTORIES=, SEED=: the first; STAGE=alone: without the runtime)
	@$(BIN)/python -m tuntas.testkit.simulate --histories $(HISTORIES) --seed $(SEED) --stage $(STAGE)

mutants: .venv/dev .venv/members ## break the protocol on purpose, one way at a time; some history must notice each
	@$(BIN)/python -m tests.saga.mutants

bench: .venv/dev setup ## measure two workloads beside the limit, a JSON line for each load (PROFILE=256: where processor time goes, at so many in flight)
	@$(BIN)/python -m tests.bench$(if $(PROFILE),.profile $(PROFILE))

bench-strain: .venv/dev setup ## growth, latency at half of the most, replicas, a restart with 100,000 open sagas, overload (WHAT=one of them)
	@$(BIN)/python -m tests.bench.strain $(WHAT)

bench-peers: .venv/dev setup ## measure engines that one could pick instead beside this one (PEERS=: the harness's folder, ROUNDS=3)
	@PEERS="$(PEERS)" ROUNDS="$(ROUNDS)" $(BIN)/python -m tests.bench.peers

conformance: .venv/dev setup ## test that every provider keeps what it promises (URL=: the one behind this manifest, an address or a file)
	$(BIN)/pytest tests/conformance $(if $(URL),--url $(URL) -k TestProvider) -rs

new-connector: .venv/dev .venv/members ## write a connector that works from the start, to be changed (NAME=)
	@$(BIN)/python deploy/tools/new.py connector '$(NAME)'
	@$(MAKE) --no-print-directory generate tidy

new-provider: .venv/dev .venv/members ## write one more provider of a connector, to be changed (CONNECTOR=, NAME=)
	@$(BIN)/python deploy/tools/new.py provider '$(CONNECTOR)' '$(NAME)'
	@$(MAKE) --no-print-directory tidy

tidy: .venv/dev
	@$(BIN)/ruff check --quiet --fix-only --select I .
	@$(BIN)/ruff format --quiet .

generate: .venv/members ## write JSON Schemas, AsyncAPI and OpenAPI anew
	$(BIN)/python deploy/tools/schemas.py

lock: .tuntas/uv/bin/uv ## resolve what the members need anew into requirements*.lock
	$(PYTHON) deploy/tools/requirements.py dev > .tuntas/dev.in
	$(PYTHON) deploy/tools/requirements.py runtime > .tuntas/runtime.in
	$(UV) -o requirements-dev.lock .tuntas/dev.in
	$(UV) -c requirements-dev.lock -o requirements.lock .tuntas/runtime.in
	$(PYTHON) deploy/tools/requirements.py images > .tuntas/images.in
	$(UV) -c requirements-dev.lock -o deploy/docker/requirements.lock .tuntas/images.in

lock-jars: .venv/members ## resolve Kafka's archives anew into kafka-*.sha256
	$(BIN)/python -m tuntas.local.jars lock

clean: ## delete data, logs and caches; .venv and fetched archives stay
	PYTHONPATH=deploy/local $(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) -m tuntas.local.clean
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .tuntas/uv
	find . -name .venv -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf

UV := .tuntas/uv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

anew:

.venv/made-in: $(REMAKE)
	@$(PYTHON) deploy/tools/preflight.py
	$(PYTHON) -m venv --clear .venv
	@echo '$(CURDIR)' > $@

.venv/runtime: requirements.lock .venv/made-in
	$(PIP) --require-hashes --no-deps -r requirements.lock
	@touch $@

.venv/dev: requirements-dev.lock .venv/runtime
	$(PIP) --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

.venv/members: $(addsuffix /pyproject.toml,$(MEMBERS)) .venv/runtime
	$(PIP) --no-deps --no-build-isolation $(addprefix -e ,$(MEMBERS))
	@touch $@

.tuntas/jars/checked: deploy/local/tuntas/local/kafka-jars.sha256 .venv/members
	@$(BIN)/python -m tuntas.local.jars fetch
	@touch $@

.tuntas/uv/bin/uv:
	$(PYTHON) -m venv .tuntas/uv
	.tuntas/uv/bin/python -m pip install --quiet --disable-pip-version-check uv
