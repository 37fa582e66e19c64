# Each target sets itself up: it installs pinned, hashed requirements into a virtual environment and nothing else.
PYTHON ?= python3
VENV := .venv
SAM_VENV := .venv-sam
SCAN_VENV := .venv-scan
SERVERS_VENV := .venv-servers
DOCS_VENV := .venv-docs
LAMBDA_VENV := .venv-lambda
PY := $(VENV)/bin/python
SAM_PY := $(SAM_VENV)/bin/python
COMPILE := --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate
# The pins are complete, hence --no-deps: pip would look for `boto3-stubs[s3]` in addition to the pinned `boto3-stubs` and reject it without a hash.
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes
# This project, from this folder: its packages and the command `workmail-hooks`. hatchling is pinned in requirements-run.txt.
PIP_INSTALL_PROJECT := -m pip install --quiet --disable-pip-version-check --no-deps --no-index --no-build-isolation --editable .
export SAM_CLI_TELEMETRY := 0
# Lambda's own Python: $PYTHON313, one of pyenv's, or python3.13 on PATH. Empty on a machine without it.
LAMBDA_PYTHON = $(shell for each in "$$PYTHON313" "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.13*/bin/python3.13 python3.13; do \
  "$$each" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && echo "$$each" && break; done)
# Mail parsers of npm for tests, which are skipped without Node.js.
PARSERS := tests/support/parsers
PARSERS_READY := $(if $(shell command -v npm),$(PARSERS)/node_modules/.ready)
TEMPLATES := template.yaml $(wildcard organization/template.yaml export/template.yaml push/template.yaml ses/template.yaml samples/*/template.yaml)
# One test process for each processor, at most four: each process starts servers of its own.
PARALLEL := -n $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n > 4 ? 4 : n))) --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help parsers run serve serve-containers test test-fast test-slow test-all test-lambda check scan e2e walkthrough servers bench sizing fuzz fidelity render pictures docs format dist requirements clean

help:  ## show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 24

# A stamp file for each requirements file: make installs again only if a pin changed.
$(VENV)/.ready-run: requirements-run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": make PYTHON=python3.13 ...") if sys.version_info < (3, 11) else None'
	@echo "setting up $(VENV) (once; under a minute)"
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(PY) $(PIP_INSTALL) -r requirements-run.txt
	@$(PY) $(PIP_INSTALL_PROJECT)
	@touch $@

$(VENV)/.ready-dev: requirements-dev.txt $(VENV)/.ready-run
	@echo "adding the packages for tests and checks to $(VENV) (once; about a minute)"
	@$(PY) $(PIP_INSTALL) -r requirements-dev.txt
	@touch $@

$(SAM_VENV)/.ready: requirements-sam.txt
	@echo "setting up $(SAM_VENV) (once; about a minute)"
	@$(PYTHON) -m venv --clear $(SAM_VENV)
	@$(SAM_PY) $(PIP_INSTALL) -r requirements-sam.txt
	@touch $@

$(SCAN_VENV)/.ready: requirements-scan.txt
	@echo "setting up $(SCAN_VENV) (once; about a minute)"
	@$(PYTHON) -m venv --clear $(SCAN_VENV)
	@$(SCAN_VENV)/bin/python $(PIP_INSTALL) -r requirements-scan.txt
	@touch $@

$(SERVERS_VENV)/.ready: requirements-servers.txt
	@echo "setting up $(SERVERS_VENV) (once; a few seconds)"
	@$(PYTHON) -m venv --clear $(SERVERS_VENV)
	@$(SERVERS_VENV)/bin/python $(PIP_INSTALL) -r requirements-servers.txt
	@touch $@

$(DOCS_VENV)/.ready: requirements-docs.txt
	@echo "setting up $(DOCS_VENV) (once; a few seconds)"
	@$(PYTHON) -m venv --clear $(DOCS_VENV)
	@$(DOCS_VENV)/bin/python $(PIP_INSTALL) -r requirements-docs.txt
	@touch $@

$(LAMBDA_VENV)/.ready: requirements-dev.txt pyproject.toml
	@echo "setting up $(LAMBDA_VENV) (once; about a minute)"
	@$(LAMBDA_PYTHON) -m venv --clear $(LAMBDA_VENV)
	@$(LAMBDA_VENV)/bin/python $(PIP_INSTALL) -r requirements-dev.txt
	@$(LAMBDA_VENV)/bin/python $(PIP_INSTALL_PROJECT)
	@touch $@

$(PARSERS)/node_modules/.ready: $(PARSERS)/pins.json
	@echo "installing mail parsers for tests"
	@(cd $(PARSERS) && cp pins.json package-lock.json && npm ci --ignore-scripts --no-audit --no-fund --silent) && touch $@ || echo "they cannot be installed: tests skip them"

parsers: $(PARSERS_READY)  ## install the mail parsers that some tests need (Node.js)

run: $(VENV)/.ready-run  ## send the sample messages through the functions, on a local WorkMail
	@$(VENV)/bin/workmail-hooks run

serve: $(VENV)/.ready-run  ## WorkMail on your laptop: SMTP in, rules, functions, mailboxes, a web page
	@$(VENV)/bin/workmail-hooks serve

serve-containers: $(VENV)/.ready-run  ## the same for functions in Lambda containers, which `sam local invoke` runs (Docker)
	@$(VENV)/bin/workmail-hooks serve --containers

test: $(VENV)/.ready-dev $(PARSERS_READY)  ## all tests but the slow ones, on two processors
	@$(PY) -m pytest $(PARALLEL) -m "not slow"

test-fast: $(VENV)/.ready-dev  ## unit tests without the properties: under a minute
	@$(PY) -m pytest $(PARALLEL) -m "not slow and not fuzz" tests/unit

test-slow: $(VENV)/.ready-dev $(PARSERS_READY)  ## the slow tests
	@$(PY) -m pytest $(PARALLEL) -m slow

test-all: test test-slow  ## all tests, the slow ones too

test-lambda:  ## the unit tests without the properties on CPython 3.13, as in Lambda (reports that it skips them without it)
	@$(if $(LAMBDA_PYTHON),$(MAKE) --no-print-directory $(LAMBDA_VENV)/.ready && \
	  $(LAMBDA_VENV)/bin/python -m pytest -q $(PARALLEL) -m "not slow and not fuzz" tests/unit,\
	  echo "skipped: no CPython 3.13, on which Lambda runs the functions: put python3.13 on PATH, or set PYTHON313=/path/to/it")

check: $(VENV)/.ready-dev $(SAM_VENV)/.ready scan  ## ruff, mypy --strict, import contracts, sam validate --lint, cfn-lint, scan
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-cache
	@AWS_DEFAULT_REGION=us-east-1 $(SAM_VENV)/bin/sam validate --lint
	@$(SAM_VENV)/bin/cfn-lint --regions us-east-1 us-west-2 eu-west-1 -- $(TEMPLATES)

scan: $(SCAN_VENV)/.ready  ## scan the templates for weak settings, without network
	@$(SCAN_VENV)/bin/python -m tools.scan $(TEMPLATES)

e2e: $(VENV)/.ready-dev $(SAM_VENV)/.ready  ## sam local invoke in real Lambda containers, and mail through Postfix (reports what it skips without Docker or root)
	@$(PY) -m pytest tests/e2e -rs

walkthrough:  ## follow README.md and docs/deploy.md word for word in a clean container (reports that it skips them without Docker)
	@$(PYTHON) -m tools.walkthrough

servers: $(VENV)/.ready-dev $(SERVERS_VENV)/.ready  ## the backend caldav with six CalDAV servers, and imports into Dovecot, from Debian's packages (as root)
	@$(PY) -m pytest tests/servers -rs

bench: $(VENV)/.ready-dev  ## measure speed and memory with their bars (ONLY=cold,warm for some of it, BASE=folder for another checkout, MESSAGES=2000 for fewer to the local WorkMail)
	@PYTHON313="$(LAMBDA_PYTHON)" $(PY) -m tools.bench $(if $(ONLY),--only "$(ONLY)") $(if $(BASE),--base "$(BASE)")

sizing: $(VENV)/.ready-dev  ## message size x memory size: time and cost, for docs/sizing.md, in Lambda's base image (Docker; minutes)
	@PYTHON313="$(LAMBDA_PYTHON)" $(PY) -m tools.sizing $(if $(ONLY),--only "$(ONLY)")

fidelity: $(VENV)/.ready-dev  ## check 115 real messages with an independent parser (MAIL=dir for others)
	@$(PY) -m tools.fidelity $(MAIL)

render: $(VENV)/.ready-dev  ## pictures of messages and layouts before and after, and of templates in the HTML view and alone, by headless Chromium
	@$(PY) -m tools.render

pictures: $(VENV)/.ready-dev  ## the pictures of the web page and the dashboards in docs/, by headless Chromium
	@$(PY) -m tools.pictures
	@$(PY) -m tools.dashboards

# The variable silences an advertisement of mkdocs-material for its successor, which is not finished.
docs: $(DOCS_VENV)/.ready  ## the static site of docs/ in site/, with search; it works without a server and without a network
	@NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --quiet --strict
	@echo "site/index.html"

fuzz: $(VENV)/.ready-dev $(PARSERS_READY)  ## the property tests with EXAMPLES (10,000) examples each
	@FUZZ_EXAMPLES=$(or $(EXAMPLES),10000) $(PY) -m pytest tests/unit tests/integration/content -m fuzz -q

format: $(VENV)/.ready-dev  ## format the code
	@$(VENV)/bin/ruff check --fix -q .
	@$(VENV)/bin/ruff format -q .

dist: $(VENV)/.ready-run  ## the wheel and the source archive in dist/
	@rm -rf dist
	@$(VENV)/bin/hatchling build

# The pins are for every platform, with hashes, and without the address of the package index.
requirements:  ## pin the requirements of the *.in files
	@$(PYTHON) -m venv .venv-uv && .venv-uv/bin/python -m pip install --quiet uv
	@$(call PIN,requirements-run.txt) pyproject.toml --extra local --extra gateway requirements-run.in
	@$(call PIN,requirements-dev.txt) pyproject.toml --extra local --extra gateway requirements-run.in requirements-dev.in -c requirements-run.txt
	@$(call PIN,requirements-gateway.txt) pyproject.toml --extra gateway requirements-run.in -c requirements-run.txt
	@for name in requirements-sam requirements-scan requirements-servers requirements-docs; do $(call PIN,$$name.txt) $$name.in; done
	@$(call PIN_LAYER,mailhooks)
	@$(call PIN_LAYER,availability)
	@echo "now: make .venv/.ready-dev && $(PY) -m tools.licences"

PIN = .venv-uv/bin/uv pip compile -q --universal --python-version 3.11 $(COMPILE) -o $(1)

# The layers include all of their packages, because the versions in the Lambda runtime change without notice.
PIN_LAYER = .venv-uv/bin/uv pip compile -q --python-version 3.13 --python-platform x86_64-manylinux_2_28 $(COMPILE) \
  -c requirements-dev.txt layers/$(1)/requirements.in -o layers/$(1)/requirements.txt

clean:  ## remove all files that make created
	rm -rf $(VENV) $(SAM_VENV) $(SCAN_VENV) $(SERVERS_VENV) $(LAMBDA_VENV) $(DOCS_VENV) .venv-uv .arm64 dist site .local .aws-sam export/.aws-sam push/.aws-sam ses/.aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis
