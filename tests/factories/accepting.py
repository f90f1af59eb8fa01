"""What an agent makes of a target: its acceptance, what it refuses, what it admits."""

from __future__ import annotations

import pytest

from agent.acceptance import Acceptance, Floor, Refusal, RefusalCode, Trust
from schema.protocol.messages import Target
from tests.factories.targets import NOW, Signer, raw


def acceptance(signer: Signer, floor: Floor | None = None) -> Acceptance:
    """Of the envoy that this server's key speaks to."""
    return Acceptance(Trust(signer.project, signer.envoy_id, signer.key.public_key(), signer.sealing), floor)


def refused(judge: Acceptance, data: bytes, now: int = NOW) -> RefusalCode:
    """The code by which it is refused; and nothing has changed."""
    before = (judge.held, judge.floor)
    with pytest.raises(Refusal) as caught:
        judge.judge(data, now)
    assert (judge.held, judge.floor) == before
    return caught.value.code


def admitted(judge: Acceptance, target: Target, now: int = NOW) -> Floor:
    """The floor after a target that is taken."""
    return judge.admit(judge.judge(raw(target), now))
