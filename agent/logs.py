"""Log lines: one record stays one record, whatever text is in it."""

from __future__ import annotations

import logging
import sys


def plain(text: str) -> str:
    """The text with everything that could move a cursor, colour or break a line written as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


class Lines(logging.Formatter):
    """`level name: message`; a traceback follows on indented lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        line = f"{record.levelname.lower()} {record.name.removeprefix('vigo.')}: {plain(record.getMessage())}"
        if record.exc_info:
            trace = self.formatException(record.exc_info).splitlines()
            line = "\n".join([line, *(f"    {plain(each)}" for each in trace)])
        return line


def configure(*, verbose: bool) -> None:
    """Send the agent's log to standard error; a service manager adds the time."""
    out = logging.StreamHandler(sys.stderr)
    out.setFormatter(Lines())
    logger = logging.getLogger("vigo")
    logger.handlers[:] = [out]
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    logger.propagate = False
