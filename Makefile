# One command a chore. Everything happens in .venv; nothing outside this folder is touched.
VENV   ?= .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: demo test check bench lock clean

demo: $(STAMP)        ## watch an empty folder, drop real photos into it, find them by words
	$(BIN)/photond demo

test: $(STAMP)        ## all tests that need no accelerator, with the coverage gate
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -m "not gpu"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

check: $(STAMP)       ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)       ## the figures of benchmarks/README.md, measured here
	$(BIN)/python benchmarks/latency.py
	$(BIN)/python benchmarks/search.py

lock:                 ## renew constraints.txt from the newest versions that pyproject.toml allows
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m pip freeze --exclude-editable > constraints.txt
	touch $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:                ## what tests and builds leave, not .venv
	rm -rf build *.egg-info .coverage .coverage.* htmlcov .pytest_cache .mypy_cache .ruff_cache .hypothesis
