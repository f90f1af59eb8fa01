"""An editor in a generated repository of 5,000 files: what one edit costs, and what each question does.

The tenth of a second that `vigo lsp` waits for more typing, and the pipe, are not in these figures.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable
from pathlib import Path

from reconciler.authoring import Text, Workspace, completions, definitions, hovers, occurrences, renames
from tests.bench.figures import Figure, middle
from tests.bench.generate import files_of

FILES = 5_000
HOSTS = 10_000
PROFILES = 300
TIMES = 7


def run() -> Iterable[Figure]:
    made = files_of(files=FILES, hosts=HOSTS, profiles=PROFILES)
    with tempfile.TemporaryDirectory(prefix="vigo-bench-") as place:
        for path, content in made.files.items():
            (Path(place) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(place) / path).write_bytes(content)
        yield from _measure(Workspace(Path(place)), made.files)


def _measure(workspace: Workspace, files: Iterable[str]) -> Iterable[Figure]:
    snapshot = workspace.judge({})
    crate = next(path for path in sorted(files) if path.startswith("configcrates/"))
    leaf = next(profile.document.path for profile in snapshot.profiles)
    turns = itertools.count()

    def typed(path: str) -> None:
        text = snapshot.text(path)
        assert text is not None
        workspace.judge({path: f"{text.source}# {next(turns)}\n"})

    def looked_again() -> None:
        workspace.refresh()
        workspace.judge({})

    for what, path in (("a leaf", leaf), ("a crate", crate)):
        value = middle(lambda path=path: typed(path), times=TIMES) * 1e3  # type: ignore[misc]
        yield Figure(name=f"one edit to {what} of {FILES} files, judged", value=value, unit="ms", target=100.0)
    yield Figure(
        name=f"{FILES} files looked at again on disk", value=middle(looked_again, times=TIMES) * 1e3, unit="ms"
    )
    for name, path, word, ask in (
        ("completion of a var", crate, "vars.", completions.at),
        ("hover over a var", crate, "vars.", hovers.at),
        ("definition of a role", leaf, "[role", definitions.at),
        ("references of a role", leaf, "[role", occurrences.references),
        ("a role renamed", leaf, "[role", lambda *at: renames.rename(*at, "brand-new")),
    ):
        text = snapshot.text(path) or Text("")
        at = (snapshot, path, text, text.position(text.source.index(word) + len(word)))
        value = middle(lambda ask=ask, at=at: ask(*at), times=TIMES) * 1e3  # type: ignore[misc, operator]
        yield Figure(name=f"{name}, {FILES} files", value=value, unit="ms", target=500.0)
