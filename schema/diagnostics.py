"""Diagnostics: what is wrong with a config repository, where, and what to do about it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Severity(StrEnum):
    """An error keeps a revision from coming into force; a warning and a note do not."""

    ERROR = "error"
    """It keeps the revision from coming into force."""
    WARNING = "warning"
    """Something is probably not meant so."""
    NOTE = "note"
    """Something to know."""


class Diagnostic(BaseModel):
    """One complaint about one place. Lines and columns count from 1."""

    model_config = ConfigDict(frozen=True)

    code: str
    """Stable, dotted: `yaml.duplicate-key`, `graph.unknown-crate`."""
    severity: Severity = Severity.ERROR
    """Whether it keeps the revision from coming into force."""
    file: str
    """Path in the repository; empty where it is about no one file."""
    line: int = 1
    """Line of the file, counted from 1."""
    column: int = 1
    """Column of the line, counted from 1."""
    message: str
    """What is wrong, in a sentence."""
    hint: str = ""
    """What to do about it; empty where there is nothing to advise."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.file else ""
        text = f"{place}{self.severity}[{self.code}]: {self.message}"
        return f"{text} (hint: {self.hint})" if self.hint else text
