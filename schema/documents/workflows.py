"""Workflows: tasks and commands in steps."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from schema.documents.base import Document, Expression
from schema.documents.tasks import Parameter
from schema.shapes import Name


class Step(Document):
    """One step: a task, or a command of its own."""

    name: Name
    task: Name | None = None
    command: str | None = Field(default=None, min_length=1)
    target: str | None = None
    params: dict[str, Any] = {}
    when: Expression | None = None
    timeout: int | None = Field(default=None, ge=1, le=86_400)
    on_failure: Name | None = None
    """The step to go to when this one fails."""
    only_on_failure: bool = False
    """Runs only when another step sends here."""

    @model_validator(mode="after")
    def _one_act(self) -> Self:
        if (self.task is None) == (self.command is None):
            raise ValueError("a step has either a task or a command")
        return self


class Workflow(Document):
    """One workflow."""

    name: Name
    description: str = ""
    inputs: dict[str, Parameter] = {}
    steps: list[Step] = Field(min_length=1)
