"""Limits of the agents' listener: a bound on everything that a peer can make us hold or do."""

from __future__ import annotations

from typing import Final

HANDSHAKE_TIMEOUT_S: Final = 10.0
"""From the first byte of TCP to the end of the TLS handshake."""
HELLO_TIMEOUT_S: Final = 10.0
"""From the end of the TLS handshake to `hello`, or to the end of the request for an object."""
TRANSFER_TIMEOUT_S: Final = 600.0
"""Longest time that one object may take on its way out."""

HALF_OPEN: Final = 1_024
"""Handshakes under way at one time."""
HALF_OPEN_PER_ADDRESS: Final = 128
HALF_OPEN_GRACE_S: Final = 1.0
"""A handshake younger than this is not given up for a newer one: an honest agent needs milliseconds."""
FULL_LOOK_S: Final = 0.02
"""How often it is looked whether there is room again."""
MIN_ACCEPTS_PER_S: Final = 100.0
"""Connections are taken from the listening socket at least this fast, however busy the server is."""
FIRST_ACCEPTS_PER_S: Final = 200.0
MAX_ACCEPTS_PER_S: Final = 2_000.0
SILENT_COST: Final = 0.1
"""What a connection counts on which nothing was said yet: to take it costs little, and who says nothing at all must not
hold up those behind."""
BACKLOG: Final = 4_096
"""Connections that the kernel's queue holds; it is not to be full, see `QUEUE_S`."""
ACCEPT_BURST: Final = 16.0
"""Connections taken in one go: their handshakes are a few ten milliseconds, in which nobody else is answered."""
LATE_S: Final = 0.05
"""When the loop is later than this, fewer connections are taken; when it is not, a few more, each `PACE_S`."""
PACE_S: Final = 0.05
PACES_AFTER_ONE: Final = 20
"""How often that is looked at after a connection was taken; then again when the next one comes."""
MORE_PER_S: Final = 10.0
FEWER: Final = 0.8

FIRST_RETURNS_PER_S: Final = 250.0
"""How many agents of a fleet that lost its connections are to come back each second, until it is known how many this
server lets in."""
MIN_RETURNS_PER_S: Final = 50.0
MAX_RETURNS_PER_S: Final = 1_000.0
RETURNS_SHARE: Final = 0.85
"""Of what the server could let in if it did nothing else: the rest is for users. Those who come together by chance wait
in the queue."""
RETURNS_SEEN: Final = 100
"""So many are measured at a time."""
RETURNS_SEEN_WITHIN_S: Final = 4.0
"""When they come within this time; of fewer it would be seen what else the server does."""
RETURNS_NEW: Final = 0.3
"""How much the last measurement counts beside all before it."""
MAX_RETURN_S: Final = 120.0
"""The return of a fleet is spread over no more than this: after two and a half heartbeats a host is told to be
offline."""
QUEUE_S: Final = 8.0
"""How long the queue may be, by that rate, and half of `BACKLOG` at most. Who waits in it comes sooner than who is
turned away; but agents wait for 20 s, and of a queue as long as that, most would have given up when they are taken."""
TURNED_AWAY_AT_ONCE: Final = 64

HELLO_BYTES: Final = 64 * 1024
"""Largest frame before `hello` was accepted."""
FRAMES_PER_S: Final = 50.0
"""Frames that one agent may send; what comes faster waits in its own socket."""
FRAME_BURST: Final = 400.0
SLICE_BYTES: Final = 8 * 1024
FRAMES_PER_SLICE: Final = 400
"""No honest agent has so many frames in so few bytes: more are a flood, and end the connection."""
INBOX: Final = 8
"""Messages read but not yet answered; then reading stops until one is."""
PARSE_APART_BYTES: Final = 32 * 1024
"""A message larger than this is parsed in a thread, so that the loop does not wait for it."""

BUFFER_BYTES: Final = 192 * 1024
"""Bytes that may wait for one slow reader; with the fragment under way it stays under 256 KiB."""
FRAGMENT_BYTES: Final = 8 * 1024
"""What is encrypted in one go. OpenSSL keeps a buffer for the largest there was until the connection ends: of 32 KiB it
takes 41, of 8 KiB 9, for 7 us more in 100 KB."""
AT_ONCE: Final = 512
"""Reports, and other messages, of all agents that are read and worked on at one time: the others wait as the bytes they
came in, which is a fifth of what they take when read."""
PRESSING_S: Final = 2.0
"""How long reports wait at a time while targets go out, which they would hold up."""
PRESSING_LOOK_S: Final = 0.01
GATHER_S: Final = 0.002
"""How long the first report waits for others to be stored with it."""
BUSY_S: Final = 0.1
GATHER_BUSY_S: Final = 0.02
"""How long it waits when some were stored within `BUSY_S` before: many report, and what they share is the way to the
disk."""
REPORTS_AT_ONCE: Final = 256

OUTBOX: Final = 32
"""Messages that may wait for one slow reader; they are references to shared bytes."""
STALL_TIMEOUT_S: Final = 60.0
"""A peer that takes nothing for so long is gone."""
OBJECTS_FRAME_BYTES: Final = 1024 * 1024
"""An answer to `need` is cut into frames of about this size."""

CLOSE_TIMEOUT_S: Final = 2.0
"""How long a peer may take to read why it is closed."""

NEWS_PATIENCE_S: Final = 2.0
"""How long a welcome waits for a target that is being made."""
REVOCATION_CHECK_S: Final = 2.0
AUDIT_EVERY_S: Final = 600.0
"""What one peer can provoke is written to the audit log at most this often; the entry says how often it happened."""
AUDITED_PEERS: Final = 10_000


class Bucket:
    """A token bucket on a monotonic clock that its caller reads."""

    __slots__ = ("_at", "_burst", "_level", "rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self._burst = burst
        self._level = burst
        self._at = now

    def take(self, count: float, now: float) -> float:
        """Take so many tokens; how many seconds to wait before more may be taken (0 while there are some)."""
        self._level = min(self._burst, self._level + (now - self._at) * self.rate) - count
        self._at = now
        return max(0.0, -self._level / self.rate)
