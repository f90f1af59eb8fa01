"""What happens to the protocol core, and what it wants done: its whole traffic with the world."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from agent.boundary import Collected, Ran, Spooled, Standing, Stored, Updated, Verdict
from schema.protocol.messages import Probed
from schema.protocol.reports import Trigger

# events


class Started(NamedTuple):
    """The agent has started; `standing` is what its executor says."""

    standing: Standing


class Connected(NamedTuple):
    """The channel is open: TLS and WebSocket handshakes are done."""


class Disconnected(NamedTuple):
    """The channel is closed, or could not be opened."""

    reason: str
    retry_after_s: float = 0.0
    """What the server asked for, if it did."""
    goodbye: bool = False
    """Whether the server said that it goes, or cannot serve: then this is not the fault of one connection."""


class Frame(NamedTuple):
    """A frame has come."""

    data: str | bytes


class Ponged(NamedTuple):
    """The server has answered a ping, or sent one."""


class Offered(NamedTuple):
    """The executor has judged a target."""

    target: bytes
    verdict: Verdict


class ObjectStored(NamedTuple):
    """An object is with the executor, or could not be had."""

    stored: Stored


class Converged(NamedTuple):
    """A run has ended."""

    ran: Ran


class TraitsCollected(NamedTuple):
    """The traits of the host are known."""

    collected: Collected


class ReportsRead(NamedTuple):
    """Reports that wait."""

    spooled: Spooled


class UpdateJudged(NamedTuple):
    """The executor has judged an update."""

    manifest: bytes
    updated: Updated


class ProbeRan(NamedTuple):
    """What came of the command of a health check."""

    probed: Probed


class Drifted(NamedTuple):
    """The kernel saw a managed path change."""


class Certified(NamedTuple):
    """How long the certificate lasts that the agent shows: at each welcome, and once a new one is in its place."""

    left_s: float
    life_s: float
    fresh: bool = False
    """Whether it is a new one, which no connection shows yet."""


class RequestMade(NamedTuple):
    """A certificate request for a new key (PEM); empty where none could be made, or nothing came of the last one."""

    csr: str


class Tick(NamedTuple):
    """Time has passed: `due` is reached."""


Event = (
    Started
    | Connected
    | Disconnected
    | Frame
    | Ponged
    | Offered
    | ObjectStored
    | Converged
    | UpdateJudged
    | ProbeRan
    | TraitsCollected
    | ReportsRead
    | Drifted
    | Certified
    | RequestMade
    | Tick
)

# effects


class Connect(NamedTuple):
    """Open the channel; answered by `Connected` or `Disconnected`."""


class Close(NamedTuple):
    """Close the channel; answered by `Disconnected`."""

    reason: str


class Send(NamedTuple):
    """Send a frame, in order."""

    text: str


class Ping(NamedTuple):
    """Send a ping; answered by `Ponged`."""


class Offer(NamedTuple):
    """Hand a target to the executor; answered by `Offered`."""

    target: bytes


class Store(NamedTuple):
    """Hand an object to the executor; answered by `ObjectStored`."""

    sha256: str
    data: bytes


class Fetch(NamedTuple):
    """Get a big object over HTTPS and hand it to the executor; answered by `ObjectStored`."""

    sha256: str


class Converge(NamedTuple):
    """Begin a run; answered by `Converged`."""

    trigger: Trigger
    connected: bool = False
    """Whether the server is reached as it begins."""


class OfferUpdate(NamedTuple):
    """Hand a signed manifest to the executor, behind the run that is under way; answered by `UpdateJudged`."""

    manifest: bytes


class RunProbe(NamedTuple):
    """Hand the command of a health check to the executor; answered by `ProbeRan`."""

    id: str
    probe: bytes


class Confirm(NamedTuple):
    """The server was reached after what was changed last."""


class PutBack(NamedTuple):
    """Put back what was changed last and could cut the host off; answered by `Converged`."""


class CollectTraits(NamedTuple):
    """Answered by `TraitsCollected`."""


class ReadReports(NamedTuple):
    """Answered by `ReportsRead`."""

    after: int


class ForgetReport(NamedTuple):
    """The report at this place is durable on the server."""

    sequence: int


class MakeRequest(NamedTuple):
    """Make a TLS key and a certificate request; answered by `RequestMade`."""


class InstallCertificate(NamedTuple):
    """Take this certificate (PEM) if it is the one that was asked for; answered by `Certified` if so."""

    certificate: str


class KeepTraits(NamedTuple):
    """Remember which traits the server has."""

    sha256: str
    stable_sha256: str


class ServerTime(NamedTuple):
    """The server's wall clock, microseconds, as it greeted us."""

    micros: int


class Level(IntEnum):
    """Of a log line; the numbers of `logging`."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


class Log(NamedTuple):
    """Say something to whoever reads the log. May hold text of the server: escape it."""

    level: Level
    text: str


Effect = (
    Connect
    | Close
    | Send
    | Ping
    | Offer
    | Store
    | Fetch
    | Converge
    | OfferUpdate
    | RunProbe
    | Confirm
    | PutBack
    | CollectTraits
    | ReadReports
    | ForgetReport
    | MakeRequest
    | InstallCertificate
    | KeepTraits
    | ServerTime
    | Log
)
