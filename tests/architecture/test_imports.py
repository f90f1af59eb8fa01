"""What a process loads: the agent stays light, the hook stays quick."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def loaded_by(statement: str) -> set[str]:
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted({{n.split('.')[0] for n in sys.modules}})))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stdout))


def test_the_agent_loads_nothing_of_the_server() -> None:
    heavy = {
        "pygit2",
        "starlette",
        "sqlmodel",
        "sqlalchemy",
        "strawberry",
        "uvicorn",
        "typer",
        "rich",
        "reconciler",
        "api",
    }
    assert loaded_by("import agent.cli, agent.converge, agent.resources, agent.link") & heavy == set()


def test_one_run_of_the_agent_needs_no_event_loop() -> None:
    assert loaded_by("import agent.cli, agent.converge, agent.resources") & {"asyncio", "websockets", "pygit2"} == set()


def test_validation_loads_nothing_of_the_server() -> None:
    heavy = {"starlette", "sqlmodel", "sqlalchemy", "strawberry", "uvicorn", "alembic", "weasyprint", "agent"}
    code = "from api.cli.main import application; application(); import reconciler.graph"
    assert loaded_by(code) & heavy == set()
