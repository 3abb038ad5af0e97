# Every verb of this project; `make help` lists them, CI calls the same ones.
.POSIX:
.DEFAULT_GOAL := help
SHELL = /bin/sh

BIN = .venv/bin
WINDLASS = $(BIN)/windlass
PYTEST = $(BIN)/python -m pytest

.PHONY: setup up down status doctor test test-setup check fmt bench storm docs picture lock \
	uninstall help development

setup: ## Make .venv with windlass in .venv/bin (does nothing when nothing changed)
	@sh tools/setup.sh runtime

up: setup ## Start the network of windlass.yaml (written first if it is not there) and show what is where
	@test -e windlass.yaml || $(WINDLASS) init
	@$(WINDLASS) up --detach

down: setup ## Stop the network; its data stays
	@$(WINDLASS) down

status: setup ## Show what runs and how it is
	@$(WINDLASS) status

doctor: setup ## Say why a network makes no blocks, or what soon will stop it
	@$(WINDLASS) doctor

test: test-setup ## Run all tests, on the real geth and CometBFT (TESTS=… for some of them)
	$(PYTEST) -m "not storm and not bench" $(TESTS)

test-setup: development ## Install what the tests need; instant when it is there
	@sh tools/test_setup.sh

check: development ## Lint, types, import rules, sizes, banned calls, generated pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.checks
	$(BIN)/python -m tools.docs --check

fmt: development ## Format the code and sort its imports
	$(BIN)/ruff check --fix --select I,RUF100 .
	$(BIN)/ruff format .

bench: test-setup ## Measure what the project promises and write docs/benchmarks.md
	$(BIN)/python -m tests.benchmarks

storm: test-setup ## The long form of the fault tests: at least 300 kills (KILLS=300)
	WINDLASS_STORM_KILLS=$${KILLS:-300} $(PYTEST) -s -m storm tests/faults

docs: development ## Write the pages that are made from the code
	$(BIN)/python -m tools.docs

picture: test-setup ## Draw docs/pictures/ anew: a real `windlass up`, and the dashboard by its own test
	$(BIN)/python -m tools.picture
	WINDLASS_PICTURES=1 $(PYTEST) tests/programs/dashboard/page/test_picture.py

lock: development ## Resolve the dependencies again (UPGRADE=--upgrade to raise versions)
	@sh tools/lock.sh $(UPGRADE)

uninstall: ## Stop everything and delete what windlass made, after asking (YES=1 does not ask)
	@sh tools/uninstall.sh

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

development:
	@sh tools/setup.sh development
