"""When a repository is compiled, and what of it is published."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api.lsp import limits
from api.lsp.sessions import Buffer, Session, chosen
from reconciler.authoring import Snapshot, Text
from schema.diagnostics import Diagnostic, Severity
from schema.errors import Fault


def wrong(file: str, line: int, severity: Severity = Severity.ERROR) -> Diagnostic:
    return Diagnostic(code="yaml.syntax", severity=severity, file=file, line=line, message="no")


def test_errors_come_first_and_no_file_takes_all() -> None:
    many = [wrong("a", n, Severity.WARNING) for n in range(limits.MAX_PUBLISHED_EACH)]
    many += [wrong("a", n) for n in range(limits.MAX_PUBLISHED_EACH)] + [wrong("b", 1)]
    found, left_out = chosen(many)
    assert {each.severity for each in found["a"]} == {Severity.ERROR}
    assert (len(found["a"]), len(found["b"]), left_out) == (limits.MAX_PUBLISHED_EACH, 1, limits.MAX_PUBLISHED_EACH)


def test_the_whole_is_bounded() -> None:
    found, left_out = chosen([wrong(f"f{n}", 1) for n in range(limits.MAX_PUBLISHED + 7)])
    assert (sum(map(len, found.values())), left_out) == (limits.MAX_PUBLISHED, 7)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "vigo.vgo").write_text("language: 1\n")
    return tmp_path


def buffer(source: str) -> Buffer:
    return Buffer("file:///x", 1, Text(source))


def test_fast_typing_is_compiled_once(root: Path) -> None:
    async def story() -> None:
        seen: list[Mapping[str, Buffer]] = []
        published = asyncio.Event()

        def publish(_session: Session, _snapshot: Snapshot, buffers: Mapping[str, Buffer]) -> None:
            seen.append(buffers)
            published.set()

        with ThreadPoolExecutor(1) as worker:
            session = Session(root, worker, publish, print)
            for n in range(20):
                session.buffers["x.vgo"] = buffer(f"envoys: []\n# {n}")
                session.changed()
                await asyncio.sleep(0)
            await asyncio.wait_for(published.wait(), 20)
            assert session.buffers["x.vgo"].text.source.endswith("19")
            assert [each["x.vgo"].text.source for each in seen] == ["envoys: []\n# 19"]
            await session.close()

    asyncio.run(story())


def test_who_must_know_now_need_not_wait_for_quiet(root: Path) -> None:
    async def story() -> None:
        published: list[Snapshot] = []
        with ThreadPoolExecutor(1) as worker:
            session = Session(root, worker, lambda _, snapshot, __: published.append(snapshot), print)
            session.buffers["x.vgo"] = buffer("nope: 1\n")
            session.changed()
            found = await session.current()
            assert [each.code for each in found.diagnostics] == ["schema.missing-key", "schema.unknown-key"]
            assert await session.current() is found
            assert await session.known() is found
            assert published == [found]
            await session.close()

    asyncio.run(story())


def test_a_question_that_is_taken_back_takes_no_diagnostics_with_it(root: Path) -> None:
    async def story() -> None:
        published: asyncio.Queue[Snapshot] = asyncio.Queue()
        busy = threading.Event()
        with ThreadPoolExecutor(1) as worker:
            session = Session(root, worker, lambda _, snapshot, __: published.put_nowait(snapshot), print)
            await session.current()
            await published.get()
            worker.submit(busy.wait, 20)
            session.buffers["x.vgo"] = buffer("nope: 1\n")
            session.changed()
            asked = asyncio.create_task(session.current())
            await asyncio.sleep(0)
            asked.cancel()
            busy.set()
            found = await asyncio.wait_for(published.get(), 20)
            assert [each.code for each in found.diagnostics] == ["schema.missing-key", "schema.unknown-key"]
            assert asked.cancelled()
            await session.close()

    asyncio.run(story())


def test_a_directory_that_is_gone_is_told_and_looked_for_again(root: Path) -> None:
    async def story() -> None:
        with ThreadPoolExecutor(1) as worker:
            session = Session(root / "x", worker, lambda *_: None, print)
            with pytest.raises(Fault):
                await session.current()
            (root / "x").mkdir()
            (root / "x" / "vigo.vgo").write_text("language: 1\n")
            session.changed(on_disk=True)
            assert (await session.current()).graph is not None
            await session.close()

    asyncio.run(story())


def test_why_there_is_no_help_is_said_once(root: Path) -> None:
    async def story() -> None:
        reasons: list[str] = []
        with ThreadPoolExecutor(1) as worker:
            session = Session(root / "x", worker, lambda *_: None, reasons.append)
            for _ in range(3):
                session.changed()
                await asyncio.sleep(limits.DEBOUNCE_S * 2)
            assert len(reasons) == 1
            assert "is not a directory we can read" in reasons[0]
            await session.close()

    asyncio.run(story())
