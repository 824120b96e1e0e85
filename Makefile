# Targets for people and CI; 3-interface.md, "Two commands".
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install system demo test test-peers unit shake explore check bench format clean

install: $(STAMP)

$(STAMP): pyproject.toml .ci/install
	PYTHON=$(PYTHON) bash .ci/install
	@touch $(STAMP)

# Debian packages that the tests and the demo use for real (Xvfb, OpenSSH server, age, ...).
system:
	bash .ci/system-packages

demo: system install
	$(BIN)/python -m tests.demo

test: system install
	bash .ci/test

# Beside other systems' own programs (Request Tracker 5); docs/connectors.md.
test-peers: install
	bash .ci/peers

unit: install
	$(BIN)/python -m pytest -q tests/unit

# Makes races of brokers in the tests' own process likely; ten minutes each. SEED=0: every background task looks
# before and after each request; other numbers: pauses at random.
SEED ?= 0
shake: install
	RELEVO_SHAKE_SEED=$(SEED) $(BIN)/python -m pytest -q -p tests.support.shaking -n 3 tests/integration/broker $(addprefix tests/integration/test_,\
		desk_tickets.py known_errors.py sla.py outgoing.py customer_walls.py machine_walls.py nasty_bodies.py) tests/evil/test_desk.py

# Properties with examples that nobody has seen before.
explore: install
	$(BIN)/python -m pytest -q -n 3 --hypothesis-profile explore tests/unit

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: system install
	$(BIN)/python -m benchmarks.run

clean:
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
