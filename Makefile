# Everything runs from .venv, which `make build` makes; nothing is installed outside this directory.
#
#   make build      .venv, the compiled modules beside their sources, the package (editable) with its extras
#   make run        build, then `whimbrel up --demo`         ARGS="--listen-hub 127.0.0.1:9900"
#   make test       build, then the test suite               TESTS=tests/store  PYTEST_ARGS="-k ttl"  TEST_JOBS=0
#   make lint       ruff, mypy, cython-lint
#   make sanitize   the suite under ASAN and UBSAN, from a tree of its own (build/sanitize)
#   make fuzz       every fuzz target under the sanitizers   FUZZ_SECONDS=60 (each)  FUZZ_TARGETS="resp_request"
#   make bench      measured against memcached and redis-server, where installed    BENCH_ARGS=...
#   make screenshots  every page of the hub, from a real run, into build/screenshots; needs Chromium
#   make clean      removes what was built; `make distclean` also removes .venv

PYTHON ?= python3
VENV ?= .venv
EXTRAS ?= dev
ARGS ?=
TESTS ?= tests
PYTEST_ARGS ?=
TEST_JOBS ?= 2
FUZZ_SECONDS ?= 30
FUZZ_TARGETS ?=
BENCH_ARGS ?=

PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check -q
SANITIZED := tools/sanitized $(PY)
SIDE_BY_SIDE := -n $(TEST_JOBS) --dist loadfile   # a file's tests share servers; -n 0 runs all in one process

.PHONY: build modules run test lint format sanitize sanitize-build fuzz bench screenshots clean distclean
.NOTPARALLEL:

build: modules $(VENV)/.installed

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# What compiling needs: pip is asked only when the list may have changed.
$(VENV)/.toolchain: pyproject.toml tools/toolchain.py | $(VENV)/bin/python
	$(PIP) install $$($(PY) tools/toolchain.py)
	@touch $@

# Always asked: setup.py itself finds what changed.
modules: $(VENV)/.toolchain
	$(PY) setup.py -q build_ext --inplace

$(VENV)/.installed: pyproject.toml | modules
	$(PIP) install --no-build-isolation -e '.[$(EXTRAS)]'
	@touch $@

run: build
	exec $(VENV)/bin/whimbrel up --demo $(ARGS)

test: build
	$(PY) -m pytest $(SIDE_BY_SIDE) $(TESTS) $(PYTEST_ARGS)

lint: $(VENV)/.installed
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	PATH="$(abspath $(VENV))/bin:$$PATH" cython-lint src   # it calls pycodestyle by name

format: $(VENV)/.installed
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

sanitize-build: $(VENV)/.installed
	WHIMBREL_BUILD=sanitize $(PY) setup.py -q build

sanitize: sanitize-build
	$(SANITIZED) -m pytest -p no:faulthandler -p no:cacheprovider \
		-m "not slow and not clients and not memory and not plain" $(SIDE_BY_SIDE) $(TESTS) $(PYTEST_ARGS)

fuzz: sanitize-build
	$(SANITIZED) fuzz/run.py --seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)

bench: build
	$(PY) -m benchmarks $(BENCH_ARGS)

screenshots: build
	$(PY) tools/screenshots.py $(ARGS)

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache
	find src -name '*.so' -delete
	find src tests tools fuzz benchmarks -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV) src/*.egg-info .hypothesis
