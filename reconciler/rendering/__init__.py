"""Rendering on the server: in a child process with limits, for text that others wrote.

Templates of a branch that nobody has reviewed are rendered to preview them. The language is bounded by itself
(`schema.expressions`); should that ever fail, what breaks is a process without network, files, secrets or environment,
that may use two seconds of a processor and 256 MiB for one job, and that is replaced when it is ended.

`pool` is the parent's side and knows nothing of what is computed; `confined` is the child's; `resources` is the one
computation there is: what becomes of a resource between two revisions.
"""

from __future__ import annotations

from reconciler.rendering.pool import Limits as Limits
from reconciler.rendering.pool import Pool as Pool
