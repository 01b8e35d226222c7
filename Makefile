# make book · make test · make lab · make notebooks · make serve · make bench · make pdf · make clean
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: book test lab notebooks serve bench pdf clean
.DEFAULT_GOAL := book

book: $(INSTALLED)
	@$(BIN)/python tools/build_book.py

test: $(INSTALLED)
	@$(BIN)/python tools/run_tests.py

lab: $(INSTALLED)
	@$(BIN)/jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks

notebooks: $(INSTALLED)
	@$(BIN)/python tools/execute_notebooks.py
	@$(BIN)/python tools/stamps.py
	@$(BIN)/python tools/draw_pictures.py
	@$(BIN)/python tools/draw_path.py
	@$(BIN)/python tools/draw_see_it_move.py
	@$(BIN)/python tools/run_examples.py

serve: book
	@echo "Serving on http://localhost:8000 (Ctrl-C ends it)"
	@$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory _build/html

bench: $(INSTALLED)
	@echo "Coverage of 1,000 samples a recipe, and the speed of the instruments (some minutes) ..."
	@$(BIN)/python benchmarks/coverage.py > _build/coverage.md && mv _build/coverage.md book/_coverage.md
	@$(BIN)/python benchmarks/iv_speed.py > _build/performance.md && mv _build/performance.md book/performance.md

pdf: book
	@echo "Printing the book with Chromium (about a minute) ..."
	@$(BIN)/python tools/make_pdf.py

clean:
	rm -rf _build .pytest_cache .ruff_cache .import_linter_cache

$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try: make PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing requirements.txt into .venv (once, about two minutes) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@
