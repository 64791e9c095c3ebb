# `make run` starts fopemta from this checkout, `make test` checks it; both set themselves up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test reference demo bench benchmarks crash fuzz simulate lint types trial clean

run: $(VENV)/run
	@$(BIN)/python -m fopemta.cli.main first-steps --config etc/fopemta.toml
	@exec $(BIN)/twistd -n --pidfile= fopemta --as-root --config etc/fopemta.toml

test: lint types trial

lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/test
	$(BIN)/mypy

# The plugin cache is made here, since making it inside a test warns about Twisted's own plugins.
trial: $(VENV)/test
	@$(BIN)/twistd --help >/dev/null
	$(BIN)/python -W error -m twisted.trial tests

# What is made from the configuration's keys: etc/fopemta.toml, docs/configuration.md.
reference: $(VENV)/test
	$(BIN)/python -m tests.config.refresh

demo: $(VENV)/run
	@$(BIN)/python -m fopemta.cli.main demo

# The peers are the distribution's, so the Python beneath fopemta is, too, where it is new enough.
DISTRIBUTION := /usr/bin/python3
BENCH_PYTHON ?= $(shell $(DISTRIBUTION) -c 'import sys, ensurepip; assert sys.version_info >= (3, 11)' 2>/dev/null \
	&& echo $(DISTRIBUTION) || echo $(PYTHON))

bench:
	@$(MAKE) --no-print-directory benchmarks VENV=.venv-bench PYTHON=$(BENCH_PYTHON)

benchmarks: $(VENV)/test
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement benchmarks/requirements.txt
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.deferred
	$(BIN)/python -m benchmarks.idle
	$(BIN)/python -m benchmarks.handshakes
	$(BIN)/python -m benchmarks.start
	$(BIN)/python -m benchmarks.hurts

crash: $(VENV)/test
	FOPEMTA_CRASHES=200 $(BIN)/python -W error -m twisted.trial tests.end_to_end.test_crash

# make fuzz SECONDS=600: for each target; one alone by `.venv/bin/python -m tests.fuzz TARGET`.
SECONDS ?= 20
fuzz: $(VENV)/test
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-fuzz.txt
	FOPEMTA_FUZZ=200000 $(BIN)/python -W error -m twisted.trial tests.fuzz
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

# make simulate SEEDS=5000 FIRST=0; `make test` runs the first 200.
SEEDS ?= 1000
FIRST ?= 0
simulate: $(VENV)/test
	$(BIN)/python -W error -m tests.simulation --seeds $(SEEDS) --first $(FIRST)

# Not an editable install: that hides the twistd plugin.
$(VENV)/run: requirements-run.txt setup.py $(shell find fopemta twisted -name '*.py' 2>/dev/null)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-run.txt
	@rm -rf build
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --force-reinstall .
	@touch $@

$(VENV)/test: requirements-test.txt $(VENV)/run
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-test.txt
	@touch $@

clean:
	rm -rf $(VENV) .venv-bench build _trial_temp* .mypy_cache .ruff_cache .hypothesis
