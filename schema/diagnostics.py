"""Diagnostics: what is wrong with a config repository, where, and what to do about it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Severity(StrEnum):
    """An error keeps a revision from coming into force; a warning and a note do not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Diagnostic(BaseModel):
    """One complaint about one place. Lines and columns count from 1."""

    model_config = ConfigDict(frozen=True)

    code: str
    """Stable, dotted: `yaml.duplicate-key`, `graph.unknown-crate`."""
    severity: Severity = Severity.ERROR
    file: str
    line: int = 1
    column: int = 1
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.file else ""
        text = f"{place}{self.severity}[{self.code}]: {self.message}"
        return f"{text} (hint: {self.hint})" if self.hint else text
