"""The hand: what runs on a managed host.

Owns the way from a signed target to a converged host and its report: link (network), acceptance, converge, resources,
traits. Knows nothing of git, databases or the server's code; the two meet in `schema.protocol`. Imports stay few, since
a one-shot run pays for each of them.

Invariant: nothing is applied that the server's key has not signed for this very envoy, and never an older word after a
newer one.
"""

from __future__ import annotations

from typing import Final

DEFAULT_STATE: Final = "/var/lib/vigo-agent"
"""The state directory; here, since a supervisor must know of it without what reads it."""
VERSION: Final = "0.1.0"
"""Of the distribution; written here because reading a distribution's metadata costs 20 ms at each start."""
