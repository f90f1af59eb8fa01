"""The protocol core: what an agent says to its server, when, and what it does about the answers.

A state machine without I/O, clock or randomness of its own: `handle(event, now)` answers the effects to carry out,
`due` says when it wants a `Tick`. Composes the channel, the schedule of runs, the outbox and the gathering of objects.
Judges no target: the executor does.

Invariant: nothing that the server says ends the agent, and nothing is kept without a bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from pydantic import ValidationError

from agent.boundary import Ran, Standing, Verdict
from agent.channel import Channel, Phase
from agent.effects import (
    Certified,
    CollectTraits,
    Connect,
    Connected,
    Converge,
    Converged,
    Disconnected,
    Drifted,
    Effect,
    Event,
    Frame,
    Level,
    Log,
    ObjectStored,
    Offer,
    Offered,
    Ponged,
    ProbeRan,
    ReportsRead,
    RequestMade,
    RunProbe,
    Send,
    ServerTime,
    Started,
    Tick,
    TraitsCollected,
    UpdateJudged,
)
from agent.gathering import Gathering
from agent.outbox import Outbox
from agent.probation import AFTER_START_S, Probation
from agent.renewal import Renewal
from agent.schedule import Schedule
from agent.successor import Successor
from agent.telling import Telling
from schema.protocol.messages import (
    APPROVAL,
    CHECK,
    MAX_FRAME_BYTES,
    PROBE,
    PROTOCOL,
    SERVER_MESSAGE,
    TRAITS_DELTA,
    UPDATE,
    Ack,
    Apply,
    Check,
    ErrorMessage,
    Hello,
    Objects,
    Probe,
    Refused,
    Renewed,
    ServerMessage,
    Target,
    TraitsNeed,
    Update,
    Welcome,
)
from schema.protocol.reports import MAX_MESSAGE_CHARS, Trigger

MAX_BAD_FRAMES: Final = 20
DOUBT: Final = "to see whether the server can still be reached"
COLLECT_S: Final = 60.0
MAX_PROBES: Final = 4
"""Commands of health checks that wait for each other; the server asks one host for one after the other."""
CAPABILITIES: Final = ("inotify", "objects-https", TRAITS_DELTA, CHECK, PROBE)


class Core:
    """One agent's side of the channel.

    Args:
        random: a number in [0, 1), for jitter.
        version: of the agent, told to the server.
        kept_traits: digests (whole, stable) of the traits that the server acknowledged in an earlier life.
        schedule: of runs, where it is another than the usual.
    """

    def __init__(
        self,
        *,
        random: Callable[[], float],
        version: str,
        kept_traits: tuple[str, str] | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        self._random: Final = random
        self._version: Final = version
        self._channel: Final = Channel(random)
        self._schedule: Final = schedule or Schedule(random)
        self._outbox: Final = Outbox()
        self._traits: Final = Telling(kept_traits)
        self._renewal: Final = Renewal(random)
        self._probation: Final = Probation()
        self._successor: Final = Successor()
        self._gathering: Gathering | None = None
        self._standing = Standing()
        self._bad_frames = 0
        self._offered = 0
        """Targets that the executor has not judged yet."""
        self._collect_from = -math.inf
        """Until then, what is put right again and again has no traits collected: it is as they told it."""
        self._probes = 0
        """Commands of health checks that the executor has not answered for yet."""
        self._told = ""

    @property
    def phase(self) -> Phase:
        """How the connection stands."""
        return self._channel.phase

    @property
    def converging(self) -> bool:
        """Whether a run is under way."""
        return self._schedule.running is not None

    @property
    def at_rest(self) -> bool:
        """Connected, with all that the server has said dealt with and all that it should know told."""
        offered = self._offered > 0 or self._gathering is not None
        return self.phase is Phase.OPEN and not offered and self._outbox.empty and not self.converging

    def handle(self, event: Event, now: float) -> list[Effect]:
        """What to do about an event. `now` is monotonic, in seconds."""
        effects = self._handled(event, now) + self._timers(now)
        self._offered += sum(isinstance(effect, Offer) for effect in effects) - isinstance(event, Offered)
        return effects

    def due(self) -> float:
        """When to send a `Tick` at the latest: monotonic seconds, or infinity."""
        due = min(self._schedule.due(), self._channel.due(), self._probation.due())
        if self.phase is Phase.OPEN:
            gathering = self._gathering.due() if self._gathering else math.inf
            due = min(due, self._outbox.due(), self._renewal.due(), gathering)
        return due

    def _handled(self, event: Event, now: float) -> list[Effect]:  # noqa: C901 - an arm for each event
        match event:
            case Frame(data):
                return self._frame(data, now)
            case Offered(target, verdict):
                return self._judged(target, verdict, now)
            case ObjectStored(stored):
                if (ours := self._successor.stored(stored)) is not None:
                    return ours
                return self._gathered(self._gathering.stored(stored, now), now) if self._gathering else []
            case Converged(ran):
                return self._ran(ran, now)
            case UpdateJudged(manifest, updated):
                return self._successor.judged(manifest, updated)
            case ProbeRan(probed):
                self._probes -= 1
                return [Send(probed.model_dump_json())] if self.phase is Phase.OPEN else []
            case Drifted():
                self._request(Trigger.DRIFT, now)
                return []
            case ReportsRead(spooled):
                self._standing = self._standing.model_copy(update={"dropped_reports": spooled.dropped})
                return self._outbox.read(spooled, now)
            case TraitsCollected(collected):
                return self._traits.collected(collected)
            case Started(standing):
                return self._started(standing, now)
            case Connected():
                return self._connected(now)
            case Disconnected():
                return self._disconnected(event, now)
            case Certified():
                return self._certified(event, now)
            case RequestMade(csr):
                return self._renewal.requested(csr) if self.phase is Phase.OPEN else []
            case Ponged():
                self._channel.heard(now)
                return []
            case Tick():
                return []

    def _timers(self, now: float) -> list[Effect]:
        effects = self._channel.wake(now) + self._probation.wake(now)
        if Connect() in effects:
            self._probation.connecting()
        if self.phase is Phase.OPEN:
            effects += self._outbox.wake(now) + self._renewal.wake(now)
            effects += self._gathered(self._gathering.wake(now), now) if self._gathering else []
        if (trigger := self._schedule.begin(now)) is not None:
            effects.append(Converge(trigger, connected=self.phase is Phase.OPEN))
            if trigger in (Trigger.INTERVAL, Trigger.ASKED):
                self._traits.want()
                effects.append(CollectTraits())
        return effects

    # the connection

    def _started(self, standing: Standing, now: float) -> list[Effect]:
        self._standing = standing
        self._channel.start(now)
        self._schedule.start(now)
        self._request(Trigger.START, now)
        if standing.unconfirmed:
            self._probation.begin(now, reachable=standing.unconfirmed == "connected", window_s=AFTER_START_S)
        problem: list[Effect] = [Log(Level.ERROR, standing.problem)] if standing.problem else []
        return [*problem, CollectTraits()]

    def _connected(self, now: float) -> list[Effect]:
        self._channel.connected(now)
        self._bad_frames, self._told = 0, ""
        hello = Hello(
            protocols=[PROTOCOL],
            capabilities=[
                *CAPABILITIES,
                *([UPDATE] if self._standing.build is not None else []),
                *([APPROVAL] if self._standing.pinned else []),
            ],
            agent_version=self._version,
            applied=self._standing.applied,
            traits_sha256=self._traits.acknowledged,
            dropped_reports=self._standing.dropped_reports,
            build=self._standing.build,
        )
        return [Send(hello.model_dump_json())]

    def _disconnected(self, event: Disconnected, now: float) -> list[Effect]:
        self._outbox.closed()
        self._traits.closed()
        self._successor.closed()
        if self._gathering is not None:
            self._gathering.pause()
        return self._channel.disconnected(event.reason, now, retry_after_s=event.retry_after_s, goodbye=event.goodbye)

    def _welcomed(self, message: Welcome, now: float) -> list[Effect]:
        if message.protocol != PROTOCOL:
            return self._channel.close(f"the server speaks protocol {message.protocol}, this agent {PROTOCOL}")
        if math.isfinite(message.heartbeat_s) and math.isfinite(message.interval_s):
            self._channel.set_heartbeat(message.heartbeat_s)
            self._schedule.set_interval(message.interval_s, now)
        if math.isfinite(message.return_s):
            self._channel.set_return(message.return_s)
        if self._probation.doubtful:
            return self._channel.again(DOUBT, now)
        self._channel.welcomed(now)
        self._renewal.welcomed(message.capabilities)
        effects: list[Effect] = [Log(Level.INFO, "connected"), ServerTime(message.time)]
        effects += [*self._probation.greeted(), *self._outbox.opened(), *self._traits.opened(message.capabilities)]
        if message.target is not None:
            effects.append(_offer(message.target))
        elif self._gathering is not None:
            effects += self._gathered(self._gathering.again(now), now)
        return effects

    def _certified(self, event: Certified, now: float) -> list[Effect]:
        self._renewal.certified(event.left_s, event.life_s, now, fresh=event.fresh)
        if not event.fresh:
            return []
        # The server lets the old one go once it has seen the new one: show it now, not some day.
        told = Log(Level.INFO, f"the certificate is renewed, for {event.left_s / 86_400:.0f} days")
        return [told, *self._channel.close("to show the new certificate")]

    # frames

    def _frame(self, data: str | bytes, now: float) -> list[Effect]:  # noqa: C901 - an arm for each message
        if self.phase not in (Phase.GREETING, Phase.OPEN):
            return []
        self._channel.heard(now)
        message = _read(data)
        if isinstance(message, str):
            return self._unread(message)
        if isinstance(message, ErrorMessage):
            return [Log(Level.ERROR, f"the server says {message.code}: {message.message}")]
        if isinstance(message, Welcome) != (self.phase is Phase.GREETING):
            return self._channel.close("the server greets not at all, or twice")
        match message:
            case Welcome():
                return self._welcomed(message, now)
            case Apply(target=target):
                return [_offer(target)]
            case Objects():
                return self._gathered(self._gathering.received(message, now), now) if self._gathering else []
            case Renewed():
                return self._renewal.renewed(message)
            case Update():
                return self._successor.offered(message)
            case TraitsNeed():
                return self._traits.needed(message)
            case Check(within_s=within_s):
                return self._asked(within_s, now)
            case Probe():
                return self._probe(message)
            case Ack(report_id=report_id, traits_sha256=traits_sha256):
                reports = self._outbox.acknowledged(report_id) if report_id is not None else []
                return reports + (self._traits.kept(traits_sha256) if traits_sha256 is not None else [])

    def _asked(self, within_s: float, now: float) -> list[Effect]:
        if self._standing.applied is None:
            return [Log(Level.INFO, "asked for a check, but there is nothing to be checked yet")]
        self._schedule.ask(within_s, now)
        return [Log(Level.INFO, f"asked for a check{f' within {within_s:.0f} s' if within_s else ''}")]

    def _probe(self, message: Probe) -> list[Effect]:
        if self._probes >= MAX_PROBES:
            return [Log(Level.WARNING, "a health check is left alone: too many wait already")]
        self._probes += 1
        return [RunProbe(message.id, message.model_dump_json().encode())]

    def _unread(self, complaint: str) -> list[Effect]:
        if not complaint:
            return []
        self._bad_frames += 1
        if self._bad_frames > MAX_BAD_FRAMES:
            return self._channel.close("too many frames that cannot be read")
        return [Log(Level.WARNING, f"a frame was ignored: {complaint}")]

    # targets and runs

    def _judged(self, target: bytes, verdict: Verdict, now: float) -> list[Effect]:
        if verdict.applied is not None:
            self._standing = self._standing.model_copy(update={"applied": verdict.applied})
        ours = self._gathering if self._gathering is not None and self._gathering.target == target else None
        newer = self._gathering is not None and self._gathering.order > verdict.order
        match verdict.outcome:
            case "held":
                return []
            case "refused":
                self._gathering = None if ours else self._gathering
                return self._refused(verdict.assignment_sha256, verdict.code, verdict.message)
            case "accepted":
                self._gathering = self._gathering if newer else None
                self._request(Trigger.APPLY, now)
                return [Log(Level.INFO, f"accepted epoch {verdict.epoch} generation {verdict.generation}")]
        if newer:
            return []
        self._gathering = ours or Gathering(target, verdict, self._random)
        if verdict.outcome == "failed":
            self._gathering.later(now)
            return self._refused(verdict.assignment_sha256, "storage", verdict.message)
        return self._gathered(self._gathering.lacks(verdict.need, now), now) if self.phase is Phase.OPEN else []

    def _gathered(self, effects: list[Effect], now: float) -> list[Effect]:
        gathering = self._gathering
        assert gathering is not None
        if gathering.trouble and gathering.trouble != self._told:
            self._told = gathering.trouble
            effects += self._refused(gathering.assignment_sha256, "incomplete", gathering.trouble)
        if gathering.complete and gathering.target is None:
            self._gathering = None
            self._request(Trigger.APPLY, now)
        return effects

    def _refused(self, assignment_sha256: str, code: str, message: str) -> list[Effect]:
        effects: list[Effect] = [Log(Level.ERROR, f"target not accepted ({code}): {message}")]
        if self.phase is Phase.OPEN:
            told = Refused(assignment_sha256=assignment_sha256, code=code, message=message[:MAX_MESSAGE_CHARS])
            effects.append(Send(told.model_dump_json()))
        return effects

    def _request(self, trigger: Trigger, now: float) -> None:
        if self._standing.applied is not None:
            self._schedule.request(trigger, now)

    def _ran(self, ran: Ran, now: float) -> list[Effect]:
        drifted = self._schedule.running is Trigger.DRIFT
        self._schedule.finished(now)
        effects: list[Effect] = []
        if ran.status:
            level = Level.WARNING if ran.failed or ran.error else Level.INFO if ran.changed else Level.DEBUG
            effects.append(Log(level, f"run {ran.status}: {ran.changed} changed, {ran.failed} failed {ran.error}"))
        if ran.reported:
            effects += self._outbox.spooled()
        if ran.changed and (now >= self._collect_from or not drifted):
            self._collect_from = now + COLLECT_S
            effects.append(CollectTraits())
        if ran.again_s is not None and math.isfinite(ran.again_s):
            self._request(Trigger.DRIFT, now + ran.again_s)
        if ran.unconfirmed:
            self._probation.begin(now, reachable=ran.unconfirmed == "connected")
            effects += self._channel.again(DOUBT, now)
        if ran.missing and self._gathering is None and (applied := self._standing.applied) is not None:
            lacking = Verdict(
                outcome="incomplete",
                assignment_sha256=applied.assignment_sha256,
                epoch=applied.epoch,
                generation=applied.generation,
            )
            self._gathering = Gathering(None, lacking, self._random)
            needed = self._gathering.lacks(ran.missing, now)
            effects += self._gathered(needed, now) if self.phase is Phase.OPEN else []
        return effects


def _offer(target: Target) -> Offer:
    """The signed texts are strings in the wrapper: they cross the boundary unchanged, however the wrapper looks."""
    return Offer(target.model_dump_json().encode())


def _read(data: str | bytes) -> ServerMessage | str:
    """The message in a frame; else what is wrong with it, and nothing where its type is merely one we do not know."""
    if len(data) > MAX_FRAME_BYTES:
        return f"longer than {MAX_FRAME_BYTES} bytes"
    try:
        return SERVER_MESSAGE.validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] == "union_tag_invalid":
        return ""
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"[:200]
