# `make demo` and `make test` are all that a fresh machine needs: each makes .venv when there is none.
SHELL := bash
PYTHON ?= python3
BIN := .venv/bin
# OpenMP threads that spin, and several of them per process, make small networks many times slower.
export OMP_WAIT_POLICY := PASSIVE

.PHONY: demo test lint format unit compile clean

demo: .venv/installed
	$(BIN)/anmok demo

test: lint unit compile

lint: .venv/tested
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: .venv/tested
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

compile: .venv/tested
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -o addopts= -m compile

format: .venv/tested
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/tested: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,oracle,explain,fast,int8,ray,text]'
	touch $@
