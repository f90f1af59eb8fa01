"""A config repository with a mistake of every kind, each marked where it is: `⟦code⟧` stands before the place.

`=== PATH escaped` has bytes with Python's escapes, `=== PATH padded N` so many, `=== PATH link` is a symbolic link.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

DATA: Final = Path(__file__).with_suffix(".txt")
_MARK: Final = re.compile("⟦([a-z.-]+)⟧")


class Mistake(NamedTuple):
    """Where a diagnostic must be, in the order in which they are told."""

    file: str
    line: int
    column: int
    code: str


def write(root: Path) -> list[Mistake]:
    """Write the repository; the mistakes in it."""
    found: list[Mistake] = []
    for section in DATA.read_text(encoding="utf-8").split("=== ")[1:]:
        heading, _, body = section.partition("\n")
        path, _, how = heading.partition(" ")
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        plain = ""
        for number, line in enumerate(body.splitlines(keepends=True), start=1):
            while mark := _MARK.search(line):
                found.append(Mistake(path, number, mark.start() + 1, mark[1]))
                line = line[: mark.start()] + line[mark.end() :]
            plain += line
        if how == "link":
            file.symlink_to(plain.strip())
        elif how == "escaped":
            file.write_bytes(plain.encode().decode("unicode_escape").encode("latin-1"))
        elif how.startswith("padded"):
            file.write_bytes(b"#" * int(how.split()[1]))
        else:
            file.write_text(plain, encoding="utf-8")
    return sorted(found)
