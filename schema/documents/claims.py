"""`compliance.vgo`: controls that everything in a directory and below it claims to satisfy."""

from __future__ import annotations

from pydantic import RootModel

from schema.documents.base import Claims


class ComplianceClaims(RootModel[Claims]):
    """Framework → controls."""
