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

    HIGH = "high"
    """What it made goes, and nothing else depends on that."""
    MEDIUM = "medium"
    """It goes; what was there before, or what else leans on it, is not known."""
    LOW = "low"
    """More may go, or stay, than the crate brought: read it before it is used."""
    NONE = "none"
    """It cannot be reversed; the retract crate leaves it out."""


class Reversed(BaseModel):
    """What is known of the reversal of one resource."""

    resource: str
    """Its name in the crate; empty where the whole crate is meant."""
    type: str
    """Resource type: `file`, `service` ..."""
    confidence: Confidence
    """How sure it is that this gives back what was there before."""
    message: str
    """What the reversal does, or why there is none."""


class RetractedEnvoy(BaseModel):
    """A host that has, or last had, the crate."""

    hostname: str
    """The host's name, as its enrolment token gave it."""
    last_run: Instant | None
    """When its last run began; null before the first."""


class Retraction(BaseModel):
    """The crate that takes one crate back."""

    name: str
    """Of the crate, as it was sent."""
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
    """Always true: nothing has to be switched on for it."""
    results: list[Retraction]
    """One for each crate."""


class RetractedCrate(BaseModel):
    """A crate to take back, as its file was."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=255)
    """What to call it in the answer."""
    content: str = Field(max_length=MAX_CONTENT_CHARS)
    """Text of its file."""


class RetractionsAsked(BaseModel):
    """Crates to take back."""

    model_config = ConfigDict(extra="forbid")

    configcrates: list[RetractedCrate] = Field(min_length=1, max_length=MAX_CRATES)
    """The crates to take back; at least one."""
