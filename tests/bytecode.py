"""Tests as pytest rewrites them, on disk before any worker starts: each would do it for itself, 8 s of a processor."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

from _pytest.assertion import AssertionState
from _pytest.assertion.rewrite import PYC_TAIL, _read_pyc, _rewrite_test, _write_pyc, get_cache_dir
from _pytest.config import Config, get_config

TESTS = Path(__file__).parent


def write(test: Path) -> None:
    """Keep a test's byte code where pytest looks for it, unless it is there."""
    folder = get_cache_dir(test)
    kept = folder / f"{test.stem}{PYC_TAIL}"
    if _read_pyc(test, kept) is None:
        folder.mkdir(exist_ok=True)
        source_hash, code = _rewrite_test(test, _config())
        _write_pyc(AssertionState(_config(), "rewrite"), code, source_hash, kept)


@cache
def _config() -> Config:
    return get_config()


if __name__ == "__main__":
    with ProcessPoolExecutor() as pool:
        for _ in pool.map(write, [*TESTS.rglob("test_*.py"), *TESTS.rglob("conftest.py")], chunksize=8):
            pass
