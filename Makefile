# `make lab` opens the kit, `make test` runs every test there is; both set up .venv first. `make help` lists the rest.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help lab hub test coverage test-ipykernel6 site figures format clean-notebooks constraints clean

VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# The first Python that TensorFlow has builds for; `make lab PYTHON=...` names another.
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c '$(SUITABLE)' >/dev/null 2>&1 && echo $$p && break; done)
# Lessons run with short trainings in tests; FAST=0 trains them as a participant does.
FAST ?= 1
# Tests at a time. A lesson is two kernels already, so lessons come one after the other.
WORKERS ?= 2
DEVICE ?= $(shell nvidia-smi -L >/dev/null 2>&1 && echo gpu || echo cpu)
# FULL=1 shows lessons as participants run them, without it the short runs of `make test`.
SHOWN := $(if $(FULL),build/full,build/lessons)
# JupyterLab refuses to run as root, as it does in a container, unless told to.
ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

# Empty files that say what is installed; older than these two, they are made anew.
PINS := pyproject.toml constraints.txt
LAB_READY := $(VENV)/.ready-$(DEVICE)
TEST_READY := $(VENV)/.ready-$(DEVICE)-test
HUB_READY := $(VENV)/.ready-$(DEVICE)-hub
PROXY := build/proxy/node_modules/.bin/configurable-http-proxy
HANDOUT := build/hub/handout
INSTALL := $(BIN)/python -m pip install --prefer-binary --only-binary fastjet,pythia8mc -c constraints.txt

help:
	@echo "make lab              set up, then open JupyterLab in notebooks/; LAB_ARGS=--no-browser for servers"
	@echo "make hub              set up, then start a JupyterHub on this machine to try it: any name, no password;"
	@echo "                      SETTINGS=/etc/jetlab-hub.env starts the hub of a workshop, see hub/README.md"
	@echo "make test             set up, then run every test; TEST_ARGS='-k io' or a lesson's path picks some; FAST=0 trains in full"
	@echo "make coverage         run the tests without the lessons, and list the lines that none of them runs"
	@echo "make test-ipykernel6  run the browser tests on the last ipykernel before 7"
	@echo "make site             build the web site, lessons with their outputs, in build/site; JETLAB_HUB=https://... for yours;"
	@echo "                      FULL=1 runs the lessons in full first, half an hour for those that have changed"
	@echo "make figures          draw the lessons' figures anew, from docs/figures into notebooks/figures"
	@echo "make format           format code and notebooks"
	@echo "make clean-notebooks  strip outputs from the notebooks, as they are stored"
	@echo "make constraints      write what is installed here to constraints.txt"
	@echo "make clean            remove .venv and what the tools left"
	@echo "The CPU build of TensorFlow is installed unless nvidia-smi answers; DEVICE=cpu or DEVICE=gpu decides it."

lab: $(LAB_READY)
	@echo "Opening JupyterLab; press Ctrl-C twice here to stop it."
	JUPYTER_CONFIG_PATH="$(CURDIR)/settings" $(BIN)/python -m jupyterlab --LabApp.default_url=/lab/tree/notebooks $(ROOT) $(LAB_ARGS)

# Without SETTINGS a trial: what those variables say comes from nowhere else.
hub: $(HUB_READY) $(PROXY) $(if $(SETTINGS),,$(HANDOUT))
ifdef SETTINGS
	set -a; . "$(abspath $(SETTINGS))"; set +a; PATH="$(CURDIR)/$(BIN):$$PATH" exec $(BIN)/python -m jupyterhub -f hub/jupyterhub_config.py
else
	@echo "Starting the hub at http://127.0.0.1:8000, for this machine only. Log in with any name; Ctrl-C here stops it."
	PATH="$(CURDIR)/$(BIN):$$PATH" JETLAB_HUB_LOGIN=trial JETLAB_HUB_LESSONS="$(CURDIR)/$(HANDOUT)" $(BIN)/python -m jupyterhub -f hub/jupyterhub_config.py $(HUB_ARGS)
endif

test: $(TEST_READY)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/codespell
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m mypy
ifdef TEST_ARGS
	JETLAB_FAST=$(FAST) $(BIN)/python -m pytest --nbval-lax $(TEST_ARGS)
else
	JETLAB_FAST=$(FAST) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile tests
	JETLAB_FAST=$(FAST) $(BIN)/python -m pytest --nbval-lax notebooks
endif

# Lines that no test runs. Lessons run on the wheel, elsewhere, so they do not count.
coverage: $(TEST_READY)
	$(BIN)/python -m pytest tests --cov --cov-report=term $(TEST_ARGS)

# The ipykernel before 7 has no subshells: widgets there are served by the one thread that also runs the cells.
test-ipykernel6: $(TEST_READY)
	$(BIN)/python -m pip install -q --target build/ipykernel6 --upgrade --no-deps 'ipykernel<7'
	PYTHONPATH=build/ipykernel6 $(BIN)/python -m pytest -m browser tests/browser

# The runs are copied, not linked: links between lessons are looked up beside the real files.
site: $(TEST_READY)
	$(BIN)/python -m tests.lessons.runs $(if $(FULL),--full)
	rm -rf docs/notebooks
	cp -r $(SHOWN) docs/notebooks
	$(BIN)/python -m sphinx -E -W --keep-going --quiet -d build/doctrees docs build/site
	@echo "Open build/site/index.html"

figures: $(TEST_READY)
	$(BIN)/python docs/figures

format: $(TEST_READY)
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

clean-notebooks: $(TEST_READY)
	find notebooks -name '*.ipynb' -not -path '*/.ipynb_checkpoints/*' -exec $(BIN)/python -m nbconvert --clear-output --inplace \
		--ClearMetadataPreprocessor.enabled=True \
		--ClearMetadataPreprocessor.preserve_nb_metadata_mask='{"kernelspec"}' \
		--ClearMetadataPreprocessor.preserve_cell_metadata_mask='{"tags", "jupyter"}' {} +

constraints: $(TEST_READY)
	$(BIN)/python -m pip freeze --exclude-editable > constraints.new
	sed -n 's/^tensorflow_cpu==/tensorflow==/p' constraints.new >> constraints.new
	grep -E '^(fsspec-xrootd|hdf5plugin|xrootd)==' constraints.txt >> constraints.new # of extras that are not installed here
	LC_ALL=C sort -f constraints.new > constraints.txt
	rm constraints.new
	touch $(LAB_READY) $(TEST_READY)

clean:
	rm -rf $(VENV) build docs/notebooks .hypothesis .pytest_cache .ruff_cache .mypy_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "jetlab needs Python 3.11, 3.12 or 3.13 and found none. Install one, or name it: make lab PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -c '$(SUITABLE)' 2>/dev/null || { echo "jetlab needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is none of these. Name one: make lab PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: sudo apt install python3-venv, then again."; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The CPU and GPU builds of TensorFlow fill the same folder, so one goes before the other comes.
$(LAB_READY): $(PINS) | $(BIN)/python
	@echo "Setting up jetlab in $(VENV) for the $(DEVICE): the first time this takes minutes, later seconds."
	@test -z "$$(ls $(VENV)/.ready-* 2>/dev/null | grep -v -e '-$(DEVICE)')" || $(BIN)/python -m pip uninstall -y -q tensorflow tensorflow-cpu
	@rm -f $(VENV)/.ready-*
	$(INSTALL) -e '.[$(DEVICE),scan]'
	@touch $@

$(HUB_READY): $(LAB_READY)
	$(INSTALL) -e '.[$(DEVICE),scan,hub]'
	@touch $@

# JupyterHub's own proxy runs on Node.js 20 or later; Debian's package of the proxy is too old.
$(PROXY): hub/package.json
	@command -v npm >/dev/null || { echo "The hub's proxy needs Node.js 20 or later with npm. On Debian and Ubuntu: sudo apt install npm, then again."; exit 1; }
	mkdir -p build/proxy
	cp hub/package.json build/proxy
	npm install --prefix build/proxy --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@

# The participants' branch of a trial: a repository on this machine.
$(HANDOUT): | $(HUB_READY)
	rm -rf $@
	$(BIN)/jetlab release --without-solutions $@/notebooks || { rm -rf $@; exit 1; }
	git -C $@ init -q -b participants
	git -C $@ add notebooks
	git -C $@ -c user.name=jetlab -c user.email=jetlab@localhost commit -q -m "Lessons for a trial"

# Tests of the hub need its proxy, too, and are skipped where there is no npm to install it.
$(TEST_READY): $(LAB_READY) hub/package.json
	$(BIN)/python -m pip install -q 'pip>=25.1' # the first that knows dependency groups
	$(INSTALL) -e '.[$(DEVICE),board,hub,scan,simulation]' --group test --group docs
	if command -v npm >/dev/null; then $(MAKE) $(PROXY) || echo "The hub's proxy cannot be installed: tests of the hub are skipped."; fi
	@touch $@
