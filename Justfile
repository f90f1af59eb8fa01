# The project's commands. On a fresh machine: `python3 -m uv run just demo`, `python3 -m uv run just test`.

export PATH := justfile_directory() / ".venv/bin:" + env("PATH")
export PYTHONDONTWRITEBYTECODE := "1"

# List the commands.
default:
    @just --list --unsorted

# System libraries and browser assets that a wheel cannot bring. Safe to run again.
setup *WHAT:
    @sh .ci/setup {{ WHAT }}
    -@python -m api.web.assets

# A commit becomes a converged fleet of three, before your eyes. `just demo --exit` ends by itself.
demo *ARGS: setup
    @vigo demo {{ ARGS }}

# All tests: units, contracts, architecture, end to end.
test *ARGS: (setup "tests")
    @python -m compileall -q -j 0 -x '/test_' schema reconciler agent api tests  # hundreds of processes would each compile what they load
    @python -m tests.bytecode  # and three workers rewrite the tests, before the first of them begins
    python -m pytest -n 3 --dist worksteal {{ ARGS }}  # of two cores a third is idle while stories wait for processes

# What must be green before a commit: format, lint, types, layers, docs, tests.
check: lint test

# The static half of `check`; seconds.
lint:
    ruff format --check .
    ruff check .
    mypy
    lint-imports

# Rewrite what a formatter can.
fix:
    ruff format .
    ruff check --fix .

# Figures side by side with peers and limits; writes build/bench.json, fails when a limit is missed.
bench *ARGS: (setup "bench")
    python -m tests.bench {{ ARGS }}

# Long-running suites: many seeds, many kills.
soak *ARGS:
    VIGO_SOAK=1 python -m pytest -m "slow or not slow" {{ ARGS }}

# How many of the specification's endpoints are mounted, and whether those keep their contract.
contract:
    python -m pytest -q -p no:randomly tests/contract/test_endpoints.py
    python -m tests.contract.report

# Write the generated pages of docs/.
docs:
    python -m tests.docs

# The files of one area, in every layer.
area NAME:
    @git ls-files | grep -E '(^|/)(test_)?{{ NAME }}(\.|/)' || echo "no file is named {{ NAME }}; areas: schema/areas.py"

# Rewrite the golden files after a change that was meant; read the diff before you commit.
snapshots:
    VIGO_SNAPSHOTS=write python -m pytest -q -p no:randomly tests/contract/test_authorization.py \
        tests/contract/test_endpoints.py tests/unit/api/graphql/test_schema.py tests/unit/api/cli/test_reference.py
    git diff --stat -- tests/snapshots docs
