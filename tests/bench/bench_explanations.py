"""Why, what makes two hosts differ, and coverage, over a generated repository where every team has blocks of its own."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler import explanations, graph
from tests.bench.figures import Figure, best, middle
from tests.bench.generate import files_of
from tests.factories.trees import MemoryTree

FILES = 5_000
HOSTS = 10_000


def run() -> Iterable[Figure]:
    made = files_of(files=FILES, hosts=HOSTS)
    whole = graph.compile_tree(MemoryTree(made.files)).graph
    assert whole is not None
    one, other = made.hostnames[0], made.hostnames[-1]
    crate = whole.match(one).configcrates[0]  # type: ignore[union-attr]
    absent = next(name for name in whole.crates if name not in whole.match(one).configcrates)  # type: ignore[union-attr]
    among = f"among {len(whole.profiles)} match blocks"
    for name, subject, target in (("why", crate, 5.0), ("why not", absent, 100.0), ("why of a var", "tier", 5.0)):
        yield Figure(
            name=f"{name}, {among}",
            value=middle(lambda asked=subject: explanations.why(whole, one, asked), times=7) * 1e3,
            unit="ms",
            target=target,
        )
    yield Figure(
        name="what makes two hosts differ",
        value=middle(
            lambda: explanations.causes(explanations.Host(whole, one), explanations.Host(whole, other)), times=7
        )
        * 1e3,
        unit="ms",
        target=50.0,
    )
    yield Figure(
        name=f"coverage {among}, {HOSTS} hosts",
        value=best(lambda: explanations.coverage(whole, made.hostnames), times=3),
        unit="s",
        target=3.0,
    )
