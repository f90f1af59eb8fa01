"""Usercrates: crates that are applied once per Unix user."""

from __future__ import annotations

from schema.documents.configcrates import Configcrate


class Usercrate(Configcrate):
    """One usercrate: the shape of a configcrate."""
