"""The loop: brings what a ref says to every envoy, by comparing desired with observed and acting on the difference.

Here is the judgement only: `LoopCore.handle(event, now)` takes what happened and answers what to do, without I/O,
clock, randomness or threads of its own. Whoever performs the effects feeds their results back as events. Missing an
event costs latency, never correctness: all state but what is under way is rebuilt from stores and connections.

What it keeps true, whatever order events come in:

- Only a commit that compiled, that descends from the one in force (or that an operator accepted) and that is recorded
  as in force is ever assigned. A bad commit is recorded and reaches nobody.
- A newer commit cancels what has not begun of an older one. A bad commit, or one that compiles too long, does not hold
  up the next.
- An envoy has at most one assignment under way, and gets a new one only when its catalog, the versions of its secrets
  or (with `pin_plan`) the plan differ from its newest one, or half of that one's life is over, or it refused that one.
- Faults of one envoy delay that envoy alone: its back-off is its own, and what is retried takes at most a quarter of
  the places of what is under way.
"""

from __future__ import annotations

from reconciler.loop.core import LoopCore
from reconciler.loop.limits import Limits
from reconciler.loop.moments import Moment

__all__ = ["Limits", "LoopCore", "Moment"]
