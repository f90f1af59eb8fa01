"""Previews: what another revision would be for each host, in classes of hosts for which the same changes.

Pure: two graphs, names, and what hosts last said they are. Rendering is handed in (`reconciler.rendering`). Never
claims a change that rendering shows to be none, and never hides one: what only the host can tell is `maybe`.
"""

from __future__ import annotations

from reconciler.previews.assuming import BadTrait as BadTrait
from reconciler.previews.assuming import assumed as assumed
from reconciler.previews.comparing import Comparison as Comparison
from reconciler.previews.moves import Subject as Subject
from reconciler.previews.moves import of_blocks as of_blocks
from reconciler.previews.moves import of_hosts as of_hosts

compare = Comparison
JUDGE = "reconciler.rendering.resources:judged"
"""What a pool has to compute."""
