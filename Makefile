# The commands of the project. `make setup` once, then `make demo`; developers: CONTRIBUTING.md.

PYTHON ?= python3
DURATION ?=
export PYTHON

BIN := .venv/bin
CODE := api deploy experiments ingest models processors runtime simulators stadspuls storage tests
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help setup setup-test demo check lint types imports unit suite test test-slow month bench lock compose-secrets clean

help: ## what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: ## make this machine ready: programs, locked packages, the command .venv/bin/stadspuls
	@deploy/local/set-up.sh run

setup-test:
	@deploy/local/set-up.sh test

demo: setup ## a simulated city on real servers, from sensor to plan; DURATION=60 ends by itself after that many seconds
	@exec $(BIN)/stadspuls demo $(if $(DURATION),--duration $(DURATION))

check: setup ## format, lint, types, import arrows and the quick unit tests, without any server
	@$(MAKE) --no-print-directory -j2 --output-sync=target lint types imports unit

lint:
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)

types:
	$(BIN)/mypy $(CODE)

imports:
	$(BIN)/lint-imports

unit:
	$(PYTEST) -q -n 2 -m "not servers and not slow and not lengthy" tests/unit

# Three workers on two cores: much of the suite waits for servers.
test: setup-test ## the whole suite on the real servers; says on which database engines it ran
	@$(MAKE) --no-print-directory lint imports
	@$(MAKE) --no-print-directory -j2 types suite

# Half of the suite's time is waiting for servers: types are checked beside it. Tests that call make get no share of this make's jobs.
suite:
	@env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL $(PYTEST) -n 3 --dist loadgroup -m "not slow" --ignore=tests/benchmarks --durations=25

test-slow: setup-test ## what takes longer: many kills, large volumes
	$(PYTEST) -m slow --ignore=tests/benchmarks --durations=15 || { status=$$?; [ $$status -eq 5 ] && echo "no test is marked slow"; }

month: setup ## a month of a simulated city with every fault on, through real servers, compared with the truth
	@exec $(BIN)/stadspuls simulated-month

bench: setup-test ## throughput on this machine, printed beside a baseline of the same run
	$(PYTEST) -q -s tests/benchmarks

lock: ## pin all packages anew, with hashes
	$(BIN)/pip-compile $(LOCK_OPTIONS) --output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile $(LOCK_OPTIONS) --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

# No addresses: who installs decides where packages come from. The build's own packages are locked, too.
LOCK_OPTIONS := --quiet --strip-extras --allow-unsafe --build-deps-for editable --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

compose-secrets: setup ## random passwords for deploy/compose, kept out of git
	@$(BIN)/python -m deploy.compose.secrets

clean: ## stop the local stack, delete its data, caches and build results; .venv stays
	@if [ -x $(BIN)/stadspuls ]; then $(BIN)/stadspuls down --delete-data; fi
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist demo-summary.json demo-report.html
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
