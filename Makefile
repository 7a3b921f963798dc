# make            regenerate everything and check every cell; creates .venv at first
# make CELL=lstm  one cell (or several: CELL="lstm gru")
# make help       the other targets

PYTHON ?= python3
CELL ?=
CELLS ?=
PART ?=
BUDGET ?=
OUT ?= build/bench-cuda
ARGS ?=
QUICK ?=

comma := ,
VENV := .venv
BIN := $(VENV)/bin
GENERATE = $(BIN)/python -m derive.generate $(if $(CELL),--cells $(CELL))

# Two shells may run make at a time: one of them installs, the other waits, where the system has `flock`.
LOCK := $(if $(shell command -v flock 2>/dev/null),flock Makefile)

.DEFAULT_GOAL := all
.PHONY: all help test check lint latex book docs browser bench bench-cuda gate clean distclean
.DELETE_ON_ERROR:

all: $(VENV)/.installed
	@$(GENERATE)

help:
	@echo 'make            regenerate everything and check every cell; creates .venv at first'
	@echo 'make CELL=lstm  the same for one cell (or several: CELL="lstm gru"); goes with check and latex too'
	@echo 'make test       all tests; ARGS="-k rules" is handed to pytest'
	@echo 'make check      show where files differ from what the equations say; writes nothing'
	@echo 'make lint       ruff and mypy'
	@echo 'make latex      PDFs of the cells, into build/latex; needs TeX'
	@echo 'make book       one PDF of all cells, build/book.pdf; needs TeX'
	@echo 'make docs       the site, into build/site; with CELL the pages of these cells alone'
	@echo 'make browser    look at its pages in Chromium, parse their formulas by KaTeX; needs Node and Chromium'
	@echo 'make bench      the speed of the kernels beside other libraries, into build; QUICK=1 measures less'
	@echo 'make bench-cuda the CUDA kernels on a device, by PYTHON and what it has; PART, BUDGET, CELLS, OUT: docs/cuda.md'
	@echo 'make gate       compile all CUDA kernels, which needs no GPU; writes docs/cuda-registers.md'
	@echo 'make clean      remove what make wrote; make distclean: .venv too'

# PyTorch is the oracle of the tests. On Linux its default package brings CUDA: where that is not wanted, install the CPU
# build of the pinned version into .venv first.
test: $(VENV)/.tested
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.installed
	@$(GENERATE) --check-only

lint: $(VENV)/.linted
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

latex: $(VENV)/.installed
	@$(GENERATE) --latex

book: $(VENV)/.installed
	@$(GENERATE) --book

docs: $(VENV)/.documented
	@$(BIN)/python -m derive docs $(CELL) --out build/site

# Four cells, a random one, and a page of every other kind. Screenshots go to build/shots.
LOOKED_AT := lstm_peephole gru lstm_fgr dense index comparisons compare-lstm-lstm_cifg travel routes guide checks measurements
browser: docs $(VENV)/.browsed build/browser/.installed
	$(BIN)/python -m tests.pages.random_cell build/pages/random.html
	$(BIN)/python -m tests.pages.formulas $(CELL) > build/formulas.json
	node tests/pages/browser/katex.mjs build/browser < build/formulas.json
	node tests/pages/browser/look.mjs build/browser build/shots build/pages/random.html \
	    $(LOOKED_AT:%=build/site/%.html)

build/browser/.installed: tests/pages/browser/package.json
	mkdir -p build/browser
	cp $< build/browser
	cd build/browser && npm install --no-package-lock --no-audit --no-fund --loglevel=error
	touch $@

# PyTorch as for the tests. ARGS=--help lists what can be chosen.
bench: $(VENV)/.benched
	@$(BIN)/python -m tests.bench $(if $(QUICK),--quick) $(ARGS)

# No .venv: a machine with a device has numba-cuda and CuPy, for its own version of CUDA, and often no network.
# PART is one or several of correctness, sanitizer, timing and peers, BUDGET a number of seconds.
bench-cuda:
	@$(PYTHON) -m tests.cuda.bench $(if $(PART),--part $(PART)) $(if $(CELLS),--cells $(CELLS)) \
	    $(if $(BUDGET),--budget $(BUDGET)) --out $(OUT) $(ARGS)

# Half a gigabyte of compilers, without CuPy. ARGS="--jobs 1" leaves the other cores alone.
gate: $(VENV)/.gated
	@$(BIN)/python -m tests.cuda.gate $(ARGS)

clean:
	rm -rf build dist docs/cells docs/appendices .coverage* .hypothesis .pytest_cache .mypy_cache .ruff_cache
	rm -f $(patsubst %,docs/images/%.svg,one_chain two_routes n_routes)
	find generated/cpu generated/cuda generated/reference -name '*.py' ! -name __init__.py -delete
	find derive generated tests docs -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV) *.egg-info

# What is installed is noted in files inside .venv, last of all, so that an installation cut short is done again.
define install
	@echo 'Installing derive$(if $(1), with what $(1) needs,) into $(VENV)'
	@$(LOCK) sh -c 'test $@ -nt pyproject.toml || { \
	    $(BIN)/python -m pip install --disable-pip-version-check $$(test -t 1 || echo --quiet) \
	        --editable ".$(if $(1),[$(1)])" && touch $@; }'
endef

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo 'derive needs Python 3.11 or newer, and $(PYTHON) is not that. Name one: make PYTHON=python3.12' >&2; \
	    exit 1; }
	@$(LOCK) sh -c 'test -f $@ || { $(PYTHON) -m venv --clear $(VENV) && touch $@; }'

$(VENV)/.installed: pyproject.toml $(VENV)/.created
	$(call install,)

$(VENV)/.linted: pyproject.toml $(VENV)/.installed
	$(call install,lint)

$(VENV)/.documented: pyproject.toml $(VENV)/.installed
	$(call install,docs)

$(VENV)/.browsed: pyproject.toml $(VENV)/.installed
	$(call install,docs$(comma)test)

$(VENV)/.tested: pyproject.toml $(VENV)/.installed
	$(call install,test$(comma)docs$(comma)examples$(comma)oracle)

$(VENV)/.gated: pyproject.toml $(VENV)/.installed
	$(call install,gate)

$(VENV)/.benched: pyproject.toml $(VENV)/.installed
	$(call install,bench$(comma)oracle)
