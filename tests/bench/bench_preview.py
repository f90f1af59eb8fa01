"""A branch that changes one crate, previewed inside the server for 10,000 enrolled hosts."""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from api.services import previews
from api.services.previews import Question
from api.storage import envoys, traits
from api.storage.envoys import Known
from reconciler import graph
from reconciler.graph import Cache, Graph
from schema.ids import DEFAULT_PROJECT, new_id
from schema.previews import RevisionPreview
from tests.bench.figures import Figure
from tests.bench.generate import files_of
from tests.factories.trees import MemoryTree
from tests.server import NOON, Server

FILES, HOSTS, TURNS = 5_000, 10_000, 60
WARM = 3
TRAITS = json.dumps(
    {
        "os": {"distro": "debian", "family": "debian"},
        "packages": {f"package{number}": f"1.{number}-2" for number in range(600)},
    }
)


def run() -> Iterable[Figure]:
    for profiles, sharing in ((300, "few blocks"), (None, "a block for every host or two")):
        yield from _measure(profiles, sharing)


def _measure(profiles: int | None, sharing: str) -> Iterable[Figure]:
    made = files_of(files=FILES, hosts=HOSTS, profiles=profiles)
    cache = Cache()
    base = _compiled(made.files, cache)
    carried = Counter(name for profile in base.order for name in profile.configcrates)
    listed = sorted(carried, key=carried.__getitem__)
    middle, everywhere = listed[len(listed) // 2], listed[-1]
    with tempfile.TemporaryDirectory(prefix="vigo-bench-") as place:
        server = Server(Path(place))
        _enrol(server, made.hostnames)
        for crate, what in ((middle, "a crate of the usual kind"), (everywhere, "a crate that every host has")):
            begun = time.perf_counter()
            other = _changed(made.files, crate, cache, b'mode: "0644"', b'mode: "0640"')
            compiling = time.perf_counter() - begun
            took, cpu, found = _asked(server, base, other)
            yield Figure(
                name=f"preview of a one-crate branch, {HOSTS:,} hosts, {sharing}: {what}, p99",
                value=_p99(took) * 1e3,
                unit="ms",
                target=150.0,
                note=f"{found.summary}; median {statistics.median(took) * 1e3:.0f} ms, of the server's processor "
                f"{statistics.median(cpu) * 1e3:.0f} ms; compiling the branch {compiling * 1e3:.0f} ms, once",
            )
        if profiles is not None:
            reading = _changed(
                made.files,
                everywhere,
                cache,
                b'mode: "0644"',
                b"mode: \"0640\"\n    when: traits.os.distro == 'debian'",
            )
            took, _, found = _asked(server, base, reading, turns=3)
            yield Figure(
                name=f"the same, where traits decide: those of {HOSTS:,} hosts are read",
                value=statistics.median(took),
                unit="s",
                note=f"{len(TRAITS) / 1024:.0f} KiB of traits a host; {found.summary}",
            )
        server.services.renderers.close()
        server.close()


def _compiled(files: object, cache: Cache) -> Graph:
    compilation = graph.compile_tree(MemoryTree(files), cache)  # type: ignore[arg-type]
    assert compilation.graph is not None, compilation.diagnostics[:3]
    return compilation.graph


def _changed(files: object, crate: str, cache: Cache, old: bytes, new: bytes) -> Graph:
    changed = dict(files)  # type: ignore[call-overload]
    path = next(path for path in changed if path.endswith(f"/{crate}.vgo"))
    changed[path] = changed[path].replace(old, new)
    return _compiled(changed, cache.fork())


def _enrol(server: Server, hostnames: Sequence[str]) -> None:
    def put(work: object) -> None:
        session = work.session  # type: ignore[attr-defined]
        for name in hostnames:
            known = Known(id=new_id(), hostname=name, ed25519="0" * 64, x25519="0" * 64, enrolled_at=NOON)
            envoys.add(session, DEFAULT_PROJECT, known)
            said = traits.Kept(sha256="0" * 64, collected_at=NOON, document=TRAITS, errors="{}")
            traits.put(session, DEFAULT_PROJECT, known.id, said, received_at=NOON)

    server.services.write_now(server.system, put)


def _asked(
    server: Server, base: Graph, other: Graph, turns: int = TURNS
) -> tuple[list[float], list[float], RevisionPreview]:
    """Seconds of each preview, as an endpoint makes it but for HTTP and JSON; those of processor time; the last one."""

    async def asked() -> tuple[list[float], list[float], RevisionPreview]:
        took, cpu = [], []
        for turn in range(turns + WARM):
            begun, used = time.perf_counter(), time.process_time()
            found = await previews.of_revision(server.services, server.system, Question("branch", None), base, other)
            if turn >= WARM:
                took.append(time.perf_counter() - begun)
                cpu.append(time.process_time() - used)
        return took, cpu, found

    server.services.own.pop("previews", None)
    return asyncio.run(asked())


def _p99(took: Sequence[float]) -> float:
    return sorted(took)[min(len(took) - 1, int(len(took) * 0.99))]
