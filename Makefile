# Everything a newcomer needs: `make demo` and `make test`. Both set up what they need.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
DEMO := var/demo
PORT ?= 8000
REVIEW = $(BIN)/intake-review --vault $(DEMO)/offline --passphrase-file $(DEMO)/passphrase
KEYS = $(BIN)/intake-keys --home $(DEMO)/admin --passphrase-file $(DEMO)/passphrase

.DEFAULT_GOAL := help
.PHONY: help demo demo-review demo-rotate test lint format bench bench-peers screenshots programs requirements clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(VENV)/.base:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or later is needed; name it with PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || sh tools/install_venv.sh
	$(PYTHON) -m venv $(VENV)
	@touch $@

# The program alone, pinned by hash.
$(VENV)/.runtime: $(VENV)/.base requirements/runtime.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	$(BIN)/python tools/link_programs.py
	@touch $@

# And what testing it needs.
$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

demo: $(VENV)/.runtime ## Serve the form on http://127.0.0.1:8000/ with demo keys and a demo vault
	$(BIN)/intake demo --port $(PORT) --dir $(DEMO)

demo-review: $(VENV)/.runtime ## Export, import and list what the demo has received
	@test -f $(DEMO)/intake.toml || { echo "Nothing to review yet: run 'make demo' first."; exit 1; }
	$(BIN)/intake --config $(DEMO)/intake.toml export $(DEMO)/stick
	$(REVIEW) import $(DEMO)/stick
	$(REVIEW) list

demo-rotate: $(VENV)/.runtime ## Open the demo's next epoch: new keys, a new manifest, signed and installed
	@test -f $(DEMO)/intake.toml || { echo "Nothing to rotate yet: run 'make demo' first."; exit 1; }
	$(REVIEW) keys new --count 1 --out $(DEMO)/recipients.json
	$(KEYS) add-recipients $(DEMO)/recipients.json
	$(KEYS) rotate
	$(KEYS) sign
	$(BIN)/intake --config $(DEMO)/intake.toml keys install $(DEMO)/admin/manifest.json
	$(BIN)/intake --config $(DEMO)/intake.toml status

programs:
	@sh tools/install_programs.sh

test: programs $(VENV)/.dev ## Run every test; installs what they need where it can
	$(BIN)/python -m pytest

lint: $(VENV)/.dev ## ruff, mypy strict, import contracts
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --no-cache --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## Measure speed and memory, and write docs/performance.md
	$(BIN)/python tests/bench/run.py

bench-peers: $(VENV)/.dev ## Measure other people's servers beside ours
	$(BIN)/python tests/bench/peers.py

screenshots: programs $(VENV)/.dev ## Write every page in every state as pictures into docs/screenshots/
	$(BIN)/python tools/screenshots.py

requirements: $(VENV)/.dev ## Pin the newest versions of everything, with hashes
	sh tools/pin_requirements.sh

clean: ## Remove what make made (not var/)
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache
