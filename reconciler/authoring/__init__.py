"""Authoring: what an editor asks while somebody writes `.vgo` files, answered from the text and the compiled tree.

Owns where the cursor is and what it is on, and every answer about that: completion, hover, definition, references,
rename, symbols, fixes, layout. Knows no editor protocol: lines and columns count from 1, in characters. What documents
mean is `reconciler.documents` and `reconciler.graph`; nothing is judged here a second time. No answer raises for bad
content, and each has a limit.
"""

from __future__ import annotations

from reconciler.authoring.snapshots import Snapshot as Snapshot
from reconciler.authoring.snapshots import Workspace as Workspace
from reconciler.authoring.texts import Edit as Edit
from reconciler.authoring.texts import Location as Location
from reconciler.authoring.texts import Position as Position
from reconciler.authoring.texts import Span as Span
from reconciler.authoring.texts import Text as Text
