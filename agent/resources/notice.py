"""A line in the report; nothing is changed. See `NoticeSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.resources.types import Change, ResourceType
from schema.resources.notice import NoticeSpec


class NoticeState(NamedTuple):
    """What is to be said."""

    note: str


def check(_host: Host, spec: NoticeSpec) -> NoticeState:
    """See `ResourceType`."""
    return NoticeState(spec.message)


def diff(_spec: NoticeSpec, _state: NoticeState) -> Sequence[Change]:
    """See `ResourceType`: nothing ever differs."""
    return ()


def apply(_host: Host, _spec: NoticeSpec, _state: NoticeState) -> None:
    """See `ResourceType`: there is nothing to do."""


NOTICE: Final = ResourceType(
    spec=NoticeSpec,
    check=check,
    diff=diff,
    apply=apply,
    confinable=True,
    unseen="it says the same in every run",
)
