"""`vigo rollout`: how a change reaches the hosts, wave by wave."""

from __future__ import annotations

import typer

from api.cli import rollout_plan

app = typer.Typer(no_args_is_help=True, help="How a change reaches the hosts, wave by wave.")
app.command()(rollout_plan.plan)
