# gatewayd: every target does its own set-up, in .venv (scripts/venv); nothing has to be installed by hand before.
#
#   VENV=dir      another place for the environment        PYTHON=python3.12   another interpreter
#   ARGS='...'    more words for the command that is run, as  make test ARGS='-k pacing'
#   WORKERS=1     how many processes share the tests; one for each core if it is not said

VENV ?= .venv
PYTHON ?= python3
ARGS ?=
WORKERS ?= auto
BIN := $(abspath $(VENV))/bin
export PYTHON

# Where `make install` puts things. DESTDIR is a root for packagers and tests: nothing outside it is touched.
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench crash soak install uninstall venv venv-dev clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

demo: venv ## the whole thing on simulated SIMs: a spreadsheet becomes messages (under a minute after the set-up)
	@$(BIN)/gatewayd demo $(ARGS)

test: venv-dev ## all tests
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

lint: venv-dev ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: venv-dev ## what ruff can put right by itself
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: venv-dev ## the figures of the README, measured here
	@set -e; for file in benchmarks/bench_*.py; do $(BIN)/python -m benchmarks.$$(basename $$file .py) $(ARGS); done

# Named so by who writes them.
KILLED := $(wildcard tests/*/test_*crash*.py tests/*/test_*kill*.py tests/crash/test_*.py)
crash: venv-dev ## the tests that kill it at each point
	@command -v strace >/dev/null || scripts/debian strace
	@$(BIN)/python -m pytest -m 'strace or not strace' $(KILLED) $(ARGS)

soak: venv-dev ## a long night: a million steps in any order, and a daemon killed a thousand times
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -rP tests/crash/test_any_order.py tests/crash/test_daemon_killed.py \
		--steps 1000000 --kills 1000 $(ARGS)

FUZZ := $(abspath .venv-fuzz)
fuzz-api: venv-dev ## made-up requests against the API, some 10,000: no 5xx, and all as documented (schemathesis, by itself)
	@cmp -s constraints-fuzz.txt $(FUZZ)/made-from || { $(PYTHON) -m venv --clear $(FUZZ) && \
		$(FUZZ)/bin/pip install -qq --constraint constraints-fuzz.txt schemathesis && \
		cp constraints-fuzz.txt $(FUZZ)/made-from; }
	@$(BIN)/python -m tests.fuzz_api $(FUZZ)/bin/schemathesis --phases examples,coverage,fuzzing --max-examples 300 $(ARGS)

install: ## into PREFIX (/usr/local), with unit, user, spool and udev rule: sudo make install
	@PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' DESTDIR='$(DESTDIR)' scripts/install

uninstall: ## takes away what install put there; configuration, messages and user stay
	@PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' DESTDIR='$(DESTDIR)' scripts/install --remove

clean: ## the environment and what the tools left
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage *.egg-info
	@test ! -e $(VENV)/pyvenv.cfg || rm -rf $(VENV)

venv: ## the environment: what the daemon needs
	@scripts/venv '$(VENV)' runtime

venv-dev: ## and what the tests need
	@scripts/venv '$(VENV)' dev
