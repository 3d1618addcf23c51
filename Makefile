# Every target sets up its own .venv when it is missing, and is quick when it is not.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# What runs twsloop, without what tests and builds it: a quarter of the packages.
RUNS := $(VENV)/.runs

# What the compiled parts are made of: installing builds them, where there is a compiler.
COMPILED := $(shell find src/twsloop -name '_*.pyx' -o -name '_*.pxi')

.DEFAULT_GOAL := help
.PHONY: help setup system-packages demo test test-python lint docs conformance conformance-short side-by-side fuzz nightly format clean bench soak

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

$(RUNS): setup.cfg pyproject.toml setup.py $(COMPILED)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "twsloop needs Python 3.11 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python -a -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || \
		{ $(MAKE) system-packages && rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); }
	@echo "installing twsloop into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
# Type checkers do not follow the import hook of an editable install: a path they do.
	@echo '$(CURDIR)/src' > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/twsloop_source.pth"
	@touch $(RUNS)

$(STAMP): $(RUNS)
	@echo "installing what tests, checks and documents it (a few minutes)"
# The compiled parts are there since the first of the two: to build them again takes a quarter minute.
	@TWSLOOP_COMPILE=no PYTHONWARNINGS=ignore \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,lint,docs,frames,calendars]'
	@touch $(STAMP)

system-packages:  ## on a bare Debian: the part of Python that makes virtual environments
	@command -v apt-get >/dev/null || { echo "install Python's venv module, then run make again"; exit 1; }
	if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq python3-venv; \
		else sudo apt-get update -qq && sudo apt-get install -y -qq python3-venv; fi

setup: $(STAMP)  ## create .venv with everything in it

demo: $(RUNS)  ## stream, trade and account against the embedded paper gateway (about 20 s)
	@$(BIN)/python gateway_cli.py --paper demo

# Byte code is kept, apart from the tree: half of the time until the first test, and of each program
# that a test starts, goes into making it. The files come in their order, not the one with the most
# tests first: what takes long has few, and would stand alone at the end.
test: $(STAMP)  ## the test suite
	PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX=$(CURDIR)/$(VENV)/bytecode \
		$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# What decodes, and who is told of it: the suite runs with the compiled parts where they are.
test-python: $(STAMP)  ## the tests nearest to the hot path, without the compiled parts (2 minutes)
	TWSLOOP_WIRE=python $(BIN)/python -m pytest -n 2 --dist loadfile tests/wire/hot tests/processors \
		tests/market_data tests/connection/test_recorded.py tests/connection/test_callbacks.py \
		tests/connection/test_ib_defects.py tests/test_transport.py

lint: $(STAMP)  ## ruff, import contracts, mypy strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy src/twsloop api_client gateway_cli.py examples/*.py tests

docs: $(STAMP)  ## build the docs (warnings are errors), run their doctests, programs and servers
	$(BIN)/python -m sphinx -n -W --keep-going -q -b html docs docs/_build/html
	$(BIN)/python -m sphinx -n -W --keep-going -q -b doctest docs docs/_build/doctest
	$(BIN)/python -m pytest -m docs -n 2 --dist loadscope tests/docs tests/examples tests/test_packaging.py

conformance: $(STAMP)  ## IB's own clients, ib_async and ib_insync against the paper gateway
	CONFORMANCE_TABLE=docs/tables/conformance.md $(BIN)/python -m pytest -m conformance tests/conformance

conformance-short: $(STAMP)  ## the same with IB's client of today and ib_async only
	$(BIN)/python -m pytest -m conformance_short tests/conformance

side-by-side: $(STAMP)  ## twelve faults, and what becomes of IB's own client, ib_async and twsloop (5 minutes)
	$(BIN)/python bench/side_by_side.py

fuzz: $(STAMP)  ## a million mutations into the client and its compiled part, a million malformed frames at the paper gateway (20 minutes)
	$(BIN)/python -m tests.fuzz.client $(FUZZ)
	$(BIN)/python -m tests.fuzz.storm
	$(BIN)/python -m tests.fuzz.native

nightly: $(STAMP)  ## the state machines with 5000 Hypothesis examples each (an hour)
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -n 2 --dist loadfile --timeout 3600 \
		tests/session tests/test_transport.py tests/processors tests/orders tests/market_data \
		tests/history tests/paper/exchange tests/paper/accounts tests/paper/orders

# Sizes, and what of it: make bench BENCH=--quick, make bench BENCH="--only throughput --publish".
bench: $(STAMP)  ## ticks, orders, history, latency beside IB's own client and ib_async; what journal, gate, recovery take (25 minutes)
	$(BIN)/python bench/all_clients.py $(BENCH)
	$(BIN)/python bench/gil.py
	$(BIN)/python bench/recovery.py
	$(BIN)/python bench/journal.py
	$(BIN)/python bench/orders_journaled.py
	$(BIN)/python bench/risk_gate.py

soak: $(STAMP)  ## a client killed 1,000 times, 500 random faults, 10 busy minutes, 24 hours at full speed (45 minutes)
	$(BIN)/python bench/kills/run.py $(KILLS)
	$(BIN)/python bench/faults/run.py $(FAULTS)
	$(BIN)/python bench/soak.py
	$(BIN)/python bench/day.py

format: $(STAMP)  ## let ruff format and fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove what the targets made
	rm -rf $(VENV) .venvs build dist *.egg-info docs/_build .mypy_cache .ruff_cache .pytest_cache
	find src/twsloop -name '_*.c' -delete -o -name '_*.so' -delete
