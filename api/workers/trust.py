"""Trust: tells the loop when commits may be judged otherwise, and of commits that somebody accepted."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from api.services import signers
from api.services.container import Services
from api.services.signers import approvals
from api.services.work import Actor
from api.workers.driver import Driver
from api.workers.follower import settled
from reconciler.loop import events
from schema.errors import Fault
from schema.revisions import RevisionState

log = logging.getLogger("vigo.loop")

TRUST: Final = Actor.system("loop")
TOPICS: Final = (signers.CHANGED, signers.ACCEPTED, "hold.changed")
"""A permission of break-glass is announced as a hold is."""


async def listen(services: Services, driver: Driver) -> None:
    """Tell the loop, until cancelled. What was accepted before a restart is told at once."""
    with services.events.listen(*TOPICS) as listener:
        await _tell_accepted(services, driver)
        async for event in listener:
            if listener.missed or event.topic == signers.ACCEPTED:
                listener.missed = 0
                await _tell_accepted(services, driver)
            # What is being judged now may be judged by what was before: it is judged again once that has an end.
            await driver.until(settled)
            if driver.status().failure is RevisionState.UNTRUSTED:
                driver.tell(events.Reload())


async def _tell_accepted(services: Services, driver: Driver) -> None:
    try:
        commit = await services.read(TRUST, approvals.accepted)
    except Fault as fault:
        log.warning("what was accepted cannot be read: %s", fault.message)
        await asyncio.sleep(1)
        return
    if commit is not None:
        driver.tell(events.Accepted(commit))
