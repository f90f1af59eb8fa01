"""Enduring: what a worker does again and again outlives that it fails once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from schema.errors import Fault


@dataclass(slots=True)
class Turn:
    """One turn of a worker."""

    failed: bool = False


@contextmanager
def turn(log: logging.Logger, what: str) -> Iterator[Turn]:
    """One turn: a fault is a warning, all else a bug that is logged whole. Either way the worker goes on.

    Args:
        what: it could not do, as the log says it: `holds cannot be read`.
    """
    this = Turn()
    try:
        yield this
    except Fault as fault:
        this.failed = True
        log.warning("%s: %s", what, fault.message)
    except Exception:
        this.failed = True
        log.exception("%s", what)
