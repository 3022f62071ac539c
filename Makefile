# What people type. `make setup` once (every other target sees to it), then `make demo`, `make run`, `make test`.
# Nothing is written outside this folder.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); [ "$$n" -le 8 ] && echo "$$n" || echo 8)
PIP := $(BIN)/python -m pip -qq --no-input --disable-pip-version-check

.PHONY: help setup install assets demo run download process lint test browser screenshots bench lock wheel-check

help:
	@echo "make setup        install everything into $(VENV) (also: make install)"
	@echo "make assets       bundle the portal's scripts and styles anew, where they changed"
	@echo "make demo         start it with stand-ins of the outside world and show a result"
	@echo "make run          start Recoup"
	@echo "make download     fetch YouTube's new reports (SINCE=2022-10-01T00:00:00Z: what was made after that)"
	@echo "make process      compare the fetched reports with what is known, and tell"
	@echo "make test         lint, then every test; make lint for the first half alone"
	@echo "make screenshots  take the pictures in docs/pictures anew"
	@echo "make bench        every benchmark, each beside a peer or a floor"
	@echo "make lock         write requirements.lock anew (UPGRADE=--upgrade for newer versions)"
	@echo "make wheel-check  build the wheel and install it into an empty environment"

setup install: $(READY)

# The project itself goes in without build isolation, or pip would fetch a build backend that no hash vouches for.
# That also bundles the portal's scripts and styles (hatch_build.py).
$(READY): requirements.lock pyproject.toml package-lock.json hatch_build.py $(wildcard src/recoup/web/assets/*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  version=$$($(PYTHON) --version 2>/dev/null); \
	  echo "Recoup needs Python 3.11 or later; $(PYTHON) is $${version:-none}. Name another: make setup PYTHON=python3.12" >&2; \
	  exit 1; }
	@echo "Installing the versions in requirements.lock into $(VENV): a minute or two the first time."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --require-hashes --only-binary :all: -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $(READY)
	@echo "Ready."

assets: $(READY)
	@$(BIN)/python hatch_build.py

demo: $(READY)
	@$(BIN)/recoup demo --portal

run: $(READY)
	@$(BIN)/recoup up

download: $(READY)
	@$(BIN)/recoup rights download $(SINCE)

process: $(READY)
	@$(BIN)/recoup rights process

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The tests of a file share what is dear to make: a browser, a demo, a process to be killed. In the order of their names,
# the longest file is not the last.
test: lint browser
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# The tests' browser: whichever is there, else Debian's where we may install it, else the one that Playwright brings.
browser: $(READY)
	@for name in chromium chromium-browser google-chrome-stable google-chrome; do \
	  command -v $$name >/dev/null 2>&1 && exit 0; \
	done; \
	ls "$${HOME:-/nonexistent}"/.cache/ms-playwright/chromium* >/dev/null 2>&1 && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "Installing Chromium for the tests of the portal."; \
	  apt-get -qq update >/dev/null 2>&1; \
	  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y chromium >/dev/null 2>&1 && exit 0; \
	fi; \
	$(BIN)/playwright install chromium >/dev/null 2>&1 && exit 0; \
	echo "No Chromium can be installed here: the tests of the portal in a browser are skipped." >&2

# The pictures in docs/pictures, from the demo's data.
screenshots: $(READY) browser
	PYTHONPATH=tests $(BIN)/python tests/browser/pictures.py

# A file whose name starts with an underscore is a helper of the others.
bench: $(READY)
	@set -e; for file in bench/[a-z]*.py; do [ -e "$$file" ] || continue; echo "$$file"; $(BIN)/python "$$file"; done

lock:
	@command -v uv >/dev/null || { echo "make lock needs uv on the PATH." >&2; exit 1; }
	uv pip compile pyproject.toml --quiet --extra s3 --extra ocr --extra ml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(UPGRADE) --output-file requirements.lock

wheel-check: $(READY)
	@rm -rf build/wheel && mkdir -p build/wheel
	@$(BIN)/python -m build --wheel --no-isolation --outdir build/wheel . >/dev/null
	@$(PYTHON) -m venv build/wheel/venv
	@build/wheel/venv/bin/python -m pip -qq --no-input --disable-pip-version-check install build/wheel/*.whl
	@cd build/wheel && venv/bin/recoup --version
	@rm -rf build/wheel/venv
	@echo "The wheel builds, and runs in an empty environment."
