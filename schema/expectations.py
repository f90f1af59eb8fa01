"""What came of the tests of a config repository."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from schema.config import Absent, Place


class Failure(BaseModel):
    """One expectation that one host, or all hosts of one match block, do not meet."""

    model_config = ConfigDict(frozen=True)

    subject: str
    """The host's name, or the block: `*.prod.example.com (production/web.vgo:2)`."""
    about: str
    """What was looked at: `vars.nginx_port`, `configcrates`, `resources.nginx/conf.mode`."""
    expected: str
    found: str
    """`unknown: …` where it could not be told."""
    place: Place
    """Where the expectation is written."""
    origin: Absent[Place] = None
    """Where what was found comes from."""
    source: str = ""
    """The same in a word, as traces have it: `common.vgo`, `role:webserver`, `match-block`."""
    hint: str = ""


class Verdict(BaseModel):
    """What came of one test."""

    model_config = ConfigDict(frozen=True)

    name: str
    place: Place
    passed: bool
    subjects: int
    """Hosts or match blocks that were looked at."""
    failures: list[Failure]
    left_out: Absent[int] = None
    """How many more failures there are; only where not all are listed."""


class Verdicts(BaseModel):
    """What came of all tests of a tree, in the order of their files."""

    model_config = ConfigDict(frozen=True)

    passed: bool
    commit: str | None
    tests: list[Verdict]
