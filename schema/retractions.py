"""Retractions: how what a removed crate did to hosts is taken back, resource by resource, and how sure that is."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from schema.config import Absent
from schema.time import Instant

MAX_CRATES: Final = 50
MAX_CONTENT_CHARS: Final = 256 * 1024


class Confidence(StrEnum):
    """How sure it is that hosts are afterwards what they were before the crate."""

    HIGH = "high"  # what it made goes, and nothing else depends on that
    MEDIUM = "medium"  # it goes; what was there before, or what else leans on it, is not known
    LOW = "low"  # more may go, or stay, than the crate brought: read it before it is used
    NONE = "none"  # it cannot be reversed; the retract crate leaves it out


class Reversed(BaseModel):
    """What is known of the reversal of one resource."""

    resource: str
    type: str
    confidence: Confidence
    message: str


class RetractedEnvoy(BaseModel):
    """A host that has, or last had, the crate."""

    hostname: str
    last_run: Instant | None


class Retraction(BaseModel):
    """The crate that takes one crate back."""

    name: str
    retract_yaml: str
    """Empty when nothing in it can be reversed, or it is no crate."""
    warnings: list[Reversed]
    """One for each resource, in the crate's order."""
    envoys: list[RetractedEnvoy]
    """By name: the first 1,000."""
    left_out: Absent[int] = None
    """How many more envoys there are."""


class Retractions(BaseModel):
    """Of each crate that was asked about, in that order. Rules decide all of it; no model is asked."""

    enabled: bool = True
    results: list[Retraction]


class RetractedCrate(BaseModel):
    """A crate to take back, as its file was."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=255)
    content: str = Field(max_length=MAX_CONTENT_CHARS)


class RetractionsAsked(BaseModel):
    """Crates to take back."""

    model_config = ConfigDict(extra="forbid")

    configcrates: list[RetractedCrate] = Field(min_length=1, max_length=MAX_CRATES)
