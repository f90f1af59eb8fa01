"""What is stored changes no result: restored, any next tree means what it means to a process that begins anew."""

from __future__ import annotations

import math
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler import graph
from reconciler.graph import Cache, storing
from tests.bench.generate import files_of
from tests.effort import tries
from tests.factories.trees import tree
from tests.unit.reconciler.graph.test_incremental import VARIANTS, at, edits, meaning, told

FILES = files_of(files=120, hosts=240)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A file in which a compiled repository was stored."""
    place = tmp_path / "cache" / "one"
    cache = Cache()
    assert graph.compile_tree(tree(FILES.files), cache).graph is not None
    assert storing.store(place, cache)
    return place


@settings(max_examples=tries(5, 600))
@given(st.lists(st.tuples(st.booleans(), st.lists(edits, min_size=1, max_size=3)), min_size=1, max_size=6))
def test_a_restored_cache_finds_what_a_cold_compile_finds(history: list[tuple[bool, list[tuple[str, int]]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place, cache = Path(folder) / "one", Cache()
        files = {path: variants[0] for path, variants in VARIANTS.items()}
        graph.compile_tree(at(files), cache)
        assert storing.store(place, cache)
        for restart, changes in history:
            files = {**files, **{path: VARIANTS[path][index] for path, index in changes}}
            # Of a tree of memory only its own files can be read: what needs an older one fails here.
            now = at(files)
            if restart:
                restored = storing.restore(place, now)
                assert restored is not None
                cache = restored
            quick, cold = graph.compile_tree(now, cache), graph.compile_tree(at(files))
            assert told(quick) == told(cold)
            if quick.graph is not None:
                storing.store(place, cache)
            assert meaning(quick) == meaning(cold)


def test_the_same_tree_needs_no_file_but_the_roles(place: Path) -> None:
    again = tree(FILES.files)
    cache = storing.restore(place, again)
    assert cache is not None
    found = graph.compile_tree(again, cache)
    assert found.graph is not None
    assert len(again.reads) == 1
    cold = graph.compile_tree(tree(FILES.files)).graph
    assert cold is not None
    assert found.graph.plan_root == cold.plan_root
    assert found.graph.assign(FILES.hostnames) == cold.assign(FILES.hostnames)
    assert len(again.reads) == 1
    one = next(iter(found.graph.profiles.values()))
    assert one.catalog_body == cold.profiles[one.id].catalog_body
    assert 1 < len(again.reads) < 60


def test_many_threads_may_ask_for_what_is_still_open(place: Path) -> None:
    again = tree(FILES.files)
    cache = storing.restore(place, again)
    assert cache is not None
    found, cold = graph.compile_tree(again, cache).graph, graph.compile_tree(tree(FILES.files)).graph
    assert found is not None
    assert cold is not None
    with ThreadPoolExecutor(4) as threads:
        bodies = list(threads.map(lambda each: each.catalog_body, list(found.profiles.values()) * 4))
    assert bodies == [each.catalog_body for each in cold.profiles.values()] * 4


def test_a_fork_of_a_restored_cache_compiles_a_branch(place: Path) -> None:
    again = tree(FILES.files)
    cache = storing.restore(place, again)
    assert cache is not None
    graph.compile_tree(again, cache)
    branch = tree({**FILES.files, "common.vgo": FILES.files["common.vgo"] + b"  more: 1\n"})
    quick, cold = graph.compile_tree(branch, cache.fork()).graph, graph.compile_tree(branch).graph
    assert quick is not None
    assert cold is not None
    assert quick.plan_root == cold.plan_root


def test_a_file_is_its_owners_alone(place: Path) -> None:
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.parent.stat().st_mode & 0o777 == 0o700
    assert [each.name for each in place.parent.iterdir()] == ["one"]
    place.chmod(0o640)
    assert storing.restore(place, tree(FILES.files)) is None
    place.chmod(0o600)
    assert storing.restore(place, tree(FILES.files)) is not None


def test_what_somebody_else_wrote_is_not_read(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: place.stat().st_uid + 1)
    assert storing.restore(place, tree(FILES.files)) is None


def test_a_link_is_not_followed(place: Path) -> None:
    link = place.with_name("link")
    link.symlink_to(place)
    assert storing.restore(link, tree(FILES.files)) is None


@settings(max_examples=tries(8, 1_000), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1), what=st.sampled_from(["cut", "flip", "more"]))
def test_a_damaged_file_is_as_none_and_is_written_anew(place: Path, where: float, what: str) -> None:
    sound = place.read_bytes()
    at_byte = int(where * (len(sound) - 1))
    if what == "cut":
        place.write_bytes(sound[:at_byte])
    elif what == "flip":
        place.write_bytes(sound[:at_byte] + bytes([sound[at_byte] ^ 1]) + sound[at_byte + 1 :])
    else:
        place.write_bytes(sound + b" ")
    assert storing.restore(place, tree(FILES.files)) is None
    place.write_bytes(sound)
    assert storing.restore(place, tree(FILES.files)) is not None


def test_another_version_is_as_none(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "version", lambda: "0" * 64)
    assert storing.restore(place, tree(FILES.files)) is None


def test_what_does_not_compile_is_not_stored(tmp_path: Path) -> None:
    cache = Cache()
    assert not storing.store(tmp_path / "one", cache)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_costs_nothing_but_speed(tmp_path: Path) -> None:
    cache = Cache()
    graph.compile_tree(tree({}), cache)
    (tmp_path / "file").write_bytes(b"")
    assert not storing.store(tmp_path / "file" / "one", cache)


def test_what_failed_to_compile_is_not_stored(place: Path) -> None:
    before = place.read_bytes()
    broken = tree({**FILES.files, "common.vgo": b"configcrates: [gone]\n"})
    cache = storing.restore(place, broken)
    assert cache is not None
    assert graph.compile_tree(broken, cache).graph is None
    assert not storing.store(place, cache)
    assert place.read_bytes() == before


def test_a_user_may_want_nothing_kept(tmp_path: Path) -> None:
    repository = tmp_path / "config"
    assert storing.place_of(repository, {"VIGO_CACHE": "0", "HOME": "/home/ada"}) is None
    place = storing.place_of(repository, {"HOME": "/home/ada"})
    assert place is not None
    assert place.parent == Path("/home/ada/.cache/vigo/compiled")
    moved = storing.place_of(repository, {"HOME": "/home/ada", "XDG_CACHE_HOME": "/var/tmp/ada"})
    assert moved == Path("/var/tmp/ada/vigo/compiled") / place.name
    assert storing.place_of(tmp_path / "other", {"HOME": "/home/ada"}) != place


def test_nothing_is_kept_in_somebody_elses_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sudo` with the user's HOME: a link in it could have root write, and delete, wherever the user likes."""
    theirs = {"HOME": str(tmp_path)}, {"HOME": "/nonexistent", "XDG_CACHE_HOME": str(tmp_path)}
    assert all(storing.place_of(tmp_path / "config", each) is not None for each in theirs)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    assert all(storing.place_of(tmp_path / "config", each) is None for each in theirs)
    cache = Cache()
    graph.compile_tree(tree(FILES.files), cache)
    assert not storing.store(tmp_path / "one", cache)
    assert list(tmp_path.iterdir()) == []


def test_a_command_keeps_what_took_long_and_few_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "MAX_KEPT", 2)
    now = tree(FILES.files)
    monkeypatch.setattr(storing, "_WORTHWHILE_S", math.inf)
    assert storing.compile_at(tmp_path / "quick", tree({})).graph is not None
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(storing, "_WORTHWHILE_S", 0.0)
    roots = set()
    (tmp_path / "notes").write_text("a user's own")
    (tmp_path / ".0123456789abcdef0123456789abcdef.7.8").write_text("cut short")
    os.utime(tmp_path / ".0123456789abcdef0123456789abcdef.7.8", (0, 0))
    places = [tmp_path / (str(number) * 32) for number in range(4)]
    for number, place in enumerate(places):
        found = storing.compile_at(place, now).graph
        assert found is not None
        roots.add(found.plan_root)
        os.utime(place, (number, number))
    again = storing.compile_at(places[3], now).graph
    assert again is not None
    assert {*roots, again.plan_root} == roots
    assert sorted(each.name for each in tmp_path.iterdir()) == [places[2].name, places[3].name, "notes"]
    assert storing.compile_at(None, now).graph is not None
