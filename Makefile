# Everything a newcomer needs: run, test, lint, check, bench. Paths stay relative, so the checkout may lie in any
# folder, spaces and Cyrillic included. PYTHON=… chooses the interpreter, ARGS=… goes to pytest or to a benchmark.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
# Half of the time tests wait, so there is room for one more process than there are processors.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1) + 1 )))
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

export PYTHON

.PHONY: help run test chaos lint check bench lock format clean

help:
	@echo 'make run     запустить: с config.toml — службу, без него — песочницу'
	@echo 'make test    все проверки: SQLite, PostgreSQL, браузер, почта'
	@echo 'make chaos   сбои подолгу: убитые процессы, отказы базы, обрывы связи (до часа)'
	@echo 'make lint    оформление, типы, правила импорта, Dockerfile, миграции'
	@echo 'make check   lint и test'
	@echo 'make bench   замеры скорости и памяти'
	@echo 'make lock    пересобрать файлы requirements*.txt'
	@echo 'make format  привести код к общему оформлению'
	@echo 'make clean   удалить окружение и всё, что создаётся заново'

run: $(VENV)/.ready
	@if [ -f config.toml ]; then exec $(BIN)/rupor run; else exec $(BIN)/rupor sandbox; fi

test: $(VENV)/.ready-to-test
	@$(BIN)/python -m tests.support.browser
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

# What `make test` does in a short form, at length: every call of the database fails, a thousand processes are killed,
# ten thousand random texts are cut, rendered and sent.
RANDOM := tests/channels/test_fuzz.py $(wildcard tests/channels/test_markup_*.py)
chaos: $(VENV)/.ready-to-test
	@RUPOR_CHAOS=long $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal tests/chaos $(RANDOM) $(ARGS)

lint: $(VENV)/.ready-to-test
	@$(BIN)/ruff format --check --quiet . || { echo 'ruff format: run "make format"' >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/python -m migrations.check

check: lint test

# ARGS="letters sqlite" runs one of them, with its own arguments; Postfix's smtp-sink and smtp-source are used if there.
bench: $(VENV)/.ready-to-test
	@$(BIN)/python -m benchmarks $(ARGS)

# Keeps the versions that still fit; ARGS=--upgrade takes the newest.
lock: $(VENV)/.ready-to-test
	@$(LOCK) $(ARGS) pyproject.toml --output-file requirements.txt
	@printf 'editables\nhatchling\n' | $(LOCK) $(ARGS) - --constraint requirements.txt --output-file requirements-build.txt
	@$(LOCK) $(ARGS) pyproject.toml --extra test \
		--constraint requirements.txt --constraint requirements-build.txt --output-file requirements-test.txt

format: $(VENV)/.ready-to-test
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

clean:
	@rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* htmlcov
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +


# The environment. Each stamp is newer than what it was made from, so a second run costs nothing.

$(BIN)/python:
	@suitable='import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'; \
	if [ -n "$$PYTHON" ]; then set -- "$$PYTHON"; else set -- python3.13 python3.12 python3.11 python3 python; fi; \
	for python; do \
		if "$$python" -c "$$suitable" >/dev/null 2>&1; then \
			exec "$$python" -m venv --clear $(VENV); \
		fi; \
	done; \
	echo >&2 'Нужен Python 3.11, 3.12 или 3.13 с модулем venv, а здесь такого не нашлось.'; \
	echo >&2 '  Debian, Ubuntu:  sudo apt install python3 python3-venv'; \
	echo >&2 '  Fedora:          sudo dnf install python3'; \
	echo >&2 '  macOS:           brew install python@3.13'; \
	echo >&2 '  Другое место:    make PYTHON=/путь/к/python3.12 run'; \
	echo >&2 'Python 3.11, 3.12 or 3.13 with its venv module is needed; PYTHON=... names one that is not on PATH.'; \
	exit 1

# The lock names everything, so pip has nothing to resolve (--no-deps). Left to itself it looks past a lock for a package
# that another asks for with an extra, finds a newer release, and then misses its hash.
# requirements-build.txt builds the editable install, which runs without isolation so that nothing unlocked comes in.
$(VENV)/.locked: requirements.txt requirements-build.txt $(BIN)/python
	@echo 'Устанавливаю зависимости…' >&2
	@$(PIP) install --require-hashes --no-deps --requirement requirements.txt --requirement requirements-build.txt
	@touch $@

$(VENV)/.ready: pyproject.toml $(VENV)/.locked
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.ready-to-test: requirements-test.txt $(VENV)/.ready
	@echo 'Устанавливаю зависимости для проверок…' >&2
	@$(PIP) install --require-hashes --no-deps --requirement requirements-test.txt
	@touch $@
