"""`rollout.vgo`: in which order, how fast and under which conditions a change reaches the hosts.

Read at every commit, from that commit: a commit that changes the rollout is itself rolled out by what it says.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from schema.documents.base import Document
from schema.documents.tasks import Share
from schema.shapes import CommandWords, Name, OneOrMany
from schema.time import DAY, SECOND, parse_duration

MAX_WAVES: Final = 50
MAX_CHECKS: Final = 10
MAX_WINDOWS: Final = 20
MAX_PAUSE_S: Final = 30 * DAY // SECOND
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
_RANGE: Final = re.compile(rf"({'|'.join(DAYS)})-({'|'.join(DAYS)})")


def _seconds(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("write a number with a unit: 30s, 10m, 1h30m")  # noqa: TRY004 - Pydantic's validators raise this
    return parse_duration(value) // SECOND


Seconds = Annotated[int, BeforeValidator(_seconds, json_schema_input_type=str)]
"""`30s`, `10m`, `1h30m`; seconds in Python."""


def _percent(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"100|[1-9]?[0-9]", value.removesuffix("%")):
        return int(value.removesuffix("%"))
    return value


Percent = Annotated[int, BeforeValidator(_percent, json_schema_input_type=int | str), Field(ge=1, le=100)]
"""`10` or `10%`."""


def _expanded(value: Any) -> Any:
    """`mon-fri` as the days that it stands for; over the end of the week, too."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return value
    found: list[Any] = []
    for each in value:
        span = _RANGE.fullmatch(each) if isinstance(each, str) else None
        if span is None:
            found.append(each)
            continue
        first, last = DAYS.index(span[1]), DAYS.index(span[2])
        found += [DAYS[(first + offset) % 7] for offset in range((last - first) % 7 + 1)]
    return found


def _opens(text: str) -> str:
    start, _, end = text.partition("-")
    if start == end:
        raise ValueError(f"{text} never opens; a whole day is 00:00-24:00")
    return text


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_Days = Annotated[str, StringConstraints(pattern=rf"^({'|'.join(DAYS)})(-({'|'.join(DAYS)}))?$")]


class Window(Document):
    """Times at which waves may begin to reach hosts."""

    days: Annotated[
        list[Day], BeforeValidator(_expanded, json_schema_input_type=list[_Days] | _Days), Field(min_length=1)
    ] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    """Days, and ranges as `mon-fri`; every day when not given."""
    hours: Annotated[str, StringConstraints(pattern=_HOURS), AfterValidator(_opens)] = "00:00-24:00"
    """`09:00-17:00`. One that ends before it begins (`22:00-04:00`) ends on the next day."""
    zone: str = Field(default="UTC", min_length=1, max_length=64)
    """A zone of the IANA database: `Europe/Berlin`."""


class HealthCheck(Document):
    """What must be well before the next wave begins: an address that answers, or a command on each host of the wave."""

    url: str | None = Field(default=None, pattern=r"^https?://[^\s/@]+(/\S*)?$", max_length=2000)
    """Asked by the server with GET, without a name or password."""
    command: CommandWords | None = None
    """Run by the agent on each host of the wave, as root in `/`, once the host has converged: `[systemctl, is-active,
    nginx]`. A host on which it does not end well has failed, and counts against the budget."""
    status: int | None = Field(default=None, ge=100, le=599)
    """The answer of a `url` that is well; any of 200 to 299 when not given."""
    returns: list[Annotated[int, Field(ge=0, le=255)]] | None = Field(default=None, min_length=1, max_length=256)
    """The exit codes of a `command` that are well; 0 when not given."""
    timeout: Annotated[Seconds, Field(ge=1, le=300)] = 10
    """Of one attempt."""
    attempts: int = Field(default=3, ge=1, le=100)
    """So many failures in a row, and the check has failed."""
    interval: Annotated[Seconds, Field(ge=1, le=3600)] = 10
    """Between attempts."""

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if (self.url is None) == (self.command is None):
            raise ValueError("a health check has either a url or a command")
        if self.command is not None and self.status is not None:
            raise ValueError("a command has no status; `returns` has the exit codes that are well")
        if self.url is not None and self.returns is not None:
            raise ValueError("an address has no exit codes; `status` has the answer that is well")
        return self


class Wave(Document):
    """One wave: of the hosts that all its selectors fit, those that are in no wave before it."""

    name: Name
    canaries: bool = False
    """The fewest hosts that show every change on every operating system it is for; a selector says where they are
    preferred."""
    match: str | None = Field(default=None, min_length=1, max_length=1000)
    """A pattern as in a match block."""
    environment: OneOrMany[Name] | None = Field(default=None, min_length=1, max_length=100)
    tag: OneOrMany[Name] | None = Field(default=None, min_length=1, max_length=100)
    """Hosts with at least one of these tags."""
    percent: Percent | None = None
    """How much of what the selectors fit has the change once this wave is through: of all hosts that change, without a
    selector. What earlier waves took counts."""
    pause: Annotated[Seconds, Field(ge=0, le=MAX_PAUSE_S)] = 0
    """How long to wait when the wave is through."""
    approvals: int = Field(default=0, ge=0, le=10)
    """People who must approve before it begins."""
    health: list[HealthCheck] | None = Field(default=None, max_length=MAX_CHECKS)
    """In place of the document's."""
    windows: list[Window] | None = Field(default=None, max_length=MAX_WINDOWS)
    """In place of the document's."""
    max_in_flight: Share | None = None
    """In place of the document's."""
    failure_budget: Share | Literal[0] | None = None
    """In place of the document's."""

    @property
    def selects(self) -> bool:
        """Whether it is for some hosts only."""
        return self.match is not None or self.environment is not None or self.tag is not None

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if self.canaries and self.percent is not None:
            raise ValueError("canaries are chosen by what changes: they have no percent")
        return self


class Rollout(Document):
    """How every change of this repository is rolled out."""

    description: str = ""
    require_approval: bool = False
    """Nothing reaches any host before somebody has approved exactly this plan."""
    approvals: int = Field(default=1, ge=1, le=10)
    """People who must approve the plan, with `require_approval`."""
    on_failure: Literal["stop", "revert"] = "stop"
    """`revert`: when a wave fails, a commit that takes the change back is made and rolled out at once."""
    failure_budget: Share | Literal[0] = "10%"
    """Hosts of a wave that may fail: a number, or a share of the wave. One more, and the rollout stops."""
    max_in_flight: Share | None = None
    """Hosts of a wave that are at it at once: a number, or a share of the wave; all when not given."""
    health: list[HealthCheck] = Field(default=[], max_length=MAX_CHECKS)
    windows: list[Window] = Field(default=[], max_length=MAX_WINDOWS)
    """Waves begin, and reach further hosts, in one of these only; at any time when there is none."""
    waves: list[Wave] = Field(default=[], max_length=MAX_WAVES)
    """In this order. What is in none of them comes last, in a wave called `rest`."""
