# make book · test · lab · notebooks · serve · bench · scale · pdf · clean; for maintainers lock · test-floor · spark
PYTHON ?= python3
BIN := .venv/bin
FIRST = $(shell sed -n 's/.*file: \(notebooks.*\)/\1/p' _toc.yml | head -n 1)
SIZES ?= 7
NO_JAVA = Spark needs a Java runtime, 17 or newer, and none is here; install one (Debian: apt-get install default-jre-headless), then run make spark again
# DuckDB and Ibis need newer libraries than the rest.
ENGINES = casestudies/recipes/cell_moments.py
FLOOR = $(wildcard $(patsubst casestudies/recipes/%.py,tests/test_%.py,$(filter-out $(ENGINES),$(wildcard casestudies/recipes/*.py)))) tests/test_scm.py tests/test_identify.py tests/test_montecarlo.py

.PHONY: book test lab notebooks serve bench scale pdf clean lock test-floor spark installed ready-to-test
.DEFAULT_GOAL := book

book: installed
	@$(BIN)/python tools/build_book.py

test: ready-to-test
	@$(BIN)/python tools/run_tests.py

# JupyterLab shows the stored figures of a notebook only if its outputs are trusted.
lab: installed
	@$(BIN)/jupyter trust notebooks/*.ipynb >/dev/null
	@$(BIN)/jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/$(FIRST).ipynb

notebooks: installed
	@$(BIN)/python tools/execute_notebooks.py
	@$(BIN)/python tools/stamps.py
	@$(BIN)/python tools/draw_pictures.py
	@$(BIN)/python tools/draw_path.py
	@$(BIN)/python tools/draw_see_it_move.py
	@$(BIN)/python tools/run_examples.py
	@echo "The notebooks are up to date. Next: make book shows them, make test checks them"

serve: book
	@echo "Serving on http://localhost:8000 (Ctrl-C ends it)"
	@$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory _build/html

bench: ready-to-test
	@echo "Coverage of 1,000 samples a recipe, and speed and memory (half an hour) ..."
	@$(BIN)/python benchmarks/coverage.py > _build/coverage.md && mv _build/coverage.md book/_coverage.md
	@$(BIN)/python benchmarks/iv_speed.py > _build/speed.md && mv _build/speed.md book/_iv_speed.md
	@$(BIN)/python benchmarks/scale.py > _build/scale.md && mv _build/scale.md book/_scale.md

scale: ready-to-test
	@$(BIN)/python benchmarks/scale.py $(SIZES)

pdf: book
	@echo "Printing the book with Chromium (about a minute) ..."
	@$(BIN)/python tools/make_pdf.py

clean:
	rm -rf _build .pytest_cache .ruff_cache .import_linter_cache

lock:
	@$(PYTHON) tools/set_up.py --lock $(OPTIONS)

test-floor: installed
	@$(BIN)/uv venv --quiet --allow-existing --python 3.11 .venv-floor
	@$(BIN)/uv pip sync --quiet --python .venv-floor/bin/python requirements-floor.txt
	@echo "Testing the recipes on the oldest libraries allowed ..."
	@PYTHONPATH=. CASESTUDIES_STRICT= .venv-floor/bin/python -m pytest -q -p no:cacheprovider $(FLOOR) --doctest-modules casestudies/recipes --ignore=$(ENGINES)

spark: installed
	@test -x "$$JAVA_HOME/bin/java" || command -v java >/dev/null || { echo "$(NO_JAVA)"; exit 1; }
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv-spark
	@$(BIN)/uv pip sync --quiet --python .venv-spark/bin/python requirements-spark.lock
	@echo "Making the cells of a million rows with DuckDB, Polars and Spark (a minute) ..."
	@PYTHONPATH=. OPENBLAS_NUM_THREADS=1 .venv-spark/bin/python benchmarks/engines.py

installed:
	@$(PYTHON) tools/set_up.py

ready-to-test:
	@$(PYTHON) tools/set_up.py --test
