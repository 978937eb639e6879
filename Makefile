# `make demo` and `make test` need nothing but Python 3.10 to 3.13: each installs what
# it needs into .venv, once, and again when setup.py or pyproject.toml has changed.
# Another interpreter: make clean test PYTHON=python3.12
# Some of the tests: make test ARGS=tests/ops

PYTHON ?= python3
VENV := .venv
# Files go to the processors in the order of tests/conftest.py.
PARALLEL := -n auto --dist loadfile --no-loadscope-reorder
INSTALL := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check

export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: demo test test-fast test-lowest lint format bazel dist docs clean
.NOTPARALLEL:
.DELETE_ON_ERROR:

demo: $(VENV)/demo.stamp
	$(VENV)/bin/tfqd demo

test: $(VENV)/dev.stamp
	$(VENV)/bin/python -m pytest $(PARALLEL) $(ARGS)

# Without the files of tests/slow_files.py.
test-fast: $(VENV)/dev.stamp
	$(VENV)/bin/python -m pytest $(PARALLEL) -m "not slow" $(ARGS)

# On the lowest versions that setup.py requires, which come before those of dev.stamp.
test-lowest: $(VENV)/lowest/stamp
	PYTHONPATH="$(CURDIR):$(CURDIR)/$(VENV)/lowest" $(VENV)/bin/python -m pytest $(ARGS)

lint: $(VENV)/dev.stamp
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(VENV)/dev.stamp
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# BUILD, by a Bazel, which root gets where apt-get does.
bazel: $(VENV)/dev.stamp
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" .ci/bazel

# The sdist, the wheel built from it, and a use of the wheel away from this folder. An older
# egg-info would add the files that it lists to the sdist.
dist: $(VENV)/dev.stamp
	rm -rf dist tfqd.egg-info
	$(VENV)/bin/python -m build --no-isolation . >/dev/null
	$(VENV)/bin/twine check --strict dist/*
	$(VENV)/bin/python tests/try_wheel.py dist/*.whl

# The site, in site/; every warning is an error, but for an advertisement of MkDocs' successor.
docs: $(VENV)/dev.stamp
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --quiet

clean:
	rm -rf $(VENV) build dist site *.egg-info

$(VENV)/lowest/stamp: setup.py | $(VENV)/dev.stamp
	rm -rf $(VENV)/lowest
	$(INSTALL) --no-deps --target=$(VENV)/lowest \
	  $$(sed -n '/^REQUIRED/,/^]/s/ *"\(.*\)>=\(.*\)",/\1==\2/p' setup.py)
	@touch $@

$(VENV)/%.stamp: setup.py pyproject.toml | $(VENV)/bin/python
	@echo "Installing TensorFlow and what '$*' needs into $(VENV): a few minutes, once"
	$(INSTALL) --editable '.[$*]'
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; (3, 10) <= sys.version_info < (3, 14) or sys.exit( \
	  "tfqd needs Python 3.10 to 3.13, $(PYTHON) is " + sys.version.split()[0] + "; try PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
