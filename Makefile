# Needs python3 (3.11 or newer) and a package index; everything else goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv || echo $(BIN)/uv)
READY := $(VENV)/.ready
# A virtual environment that happens to be active must not be the one that we install into.
unexport VIRTUAL_ENV PYTHONPATH PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-full lint format bench bench-hook bench-capture bench-container bench-store bench-campaign bench-drift soak pictures lock schemas clean
help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): requirements.lock pyproject.toml
	@echo "setting up $(VENV) …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; PYTHON=… names one")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x "$(UV)" || $(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep -o '^uv==[0-9.]*' requirements.lock)"
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

demo: $(READY)  ## run a Rubin pipeline, change the world, and re-run two of its datasets (2 minutes)
	@$(BIN)/python -m examples.demo

test: $(READY)  ## everything that fits into 20 minutes
	@$(BIN)/python -m tests.services.packages
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-full: $(READY)  ## what takes longer
	@$(BIN)/python -m tests.services.packages
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m slow

lint: $(READY)  ## ruff, mypy, import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY)  ## let ruff format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: bench-hook bench-capture bench-container bench-store bench-campaign bench-drift  ## all benchmarks

bench-hook: $(READY)  ## what capture costs a pipeline, a BPS workflow, a common and a short job
	@$(BIN)/python -m bench.hook

bench-capture: $(READY)  ## what capturing a large environment costs, beside pip, uv, lsst.utils and cyclonedx-py
	@$(BIN)/python -m bench.capture

bench-container: $(READY)  ## what images and containers cost a replay; empties the cache of the engine's builder
	@$(BIN)/python -m bench.container

bench-store: $(READY)  ## what a store of 10^6 jobs costs, in SQLite and PostgreSQL; JOBS=100000 takes a tenth of the time
	@$(BIN)/python -m bench.store

bench-campaign: $(READY)  ## what a campaign costs beside a bare pipetask run of the same quanta
	@$(BIN)/python -m bench.campaign

bench-drift: $(READY)  ## whether injected causes are on record, suspected first, and proved; CAUSES=REGEX takes some
	@$(BIN)/python -m bench.drift

soak: $(READY)  ## kill writers for SOAK_MINUTES=10, and look whether anything is lost
	@$(BIN)/python -m bench.soak

pictures: $(READY)  ## draw those of the documentation anew; needs Chromium
	@$(BIN)/python -m examples.pictures
	@$(BIN)/python -m examples.report_picture

lock: $(READY)  ## resolve requirements.lock anew
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	    --all-extras --group dev --upgrade pyproject.toml --output-file requirements.lock

schemas: $(READY)  ## write the JSON Schemas anew
	@$(BIN)/python -m envcap.model.schema

clean:  ## remove what make made
	rm -rf $(VENV) build demo-out .pytest_cache .mypy_cache .ruff_cache
