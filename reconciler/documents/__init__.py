"""Documents: bytes of a tree → the models of `schema.documents`, every complaint with file, line and column.

Owns what YAML means here, which place is of which kind, and the table of diagnostics. Knows no other file than the one
it reads: what files mean together is `reconciler.graph`. Nothing here raises for bad content.
"""

from __future__ import annotations

from reconciler.documents.kinds import Kind as Kind
from reconciler.documents.loading import Document as Document
from reconciler.documents.loading import DocumentCache as DocumentCache
from reconciler.documents.loading import Documents as Documents
from reconciler.documents.loading import load as load
