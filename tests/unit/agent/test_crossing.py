"""The boundary between two processes: calls and answers come through, and a hostile link gets nothing and breaks nothing."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.boundary import Executor, Notice
from agent.crossing import CALLS, HEADER, LARGE_BYTES, MAX_WAITING, Cut, Far, Near

PATIENCE_S = 60.0


class Recorder:
    """An executor that answers with what it was asked, and can be made to wait or to fail."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, bytes]] = []
        self.go = threading.Event()
        self.go.set()

    def __getattr__(self, name: str) -> Callable[[bytes], bytes]:
        if name not in CALLS:
            raise AttributeError(name)

        def act(argument: bytes) -> bytes:
            self.calls.append((name, bytes(argument[:64])))
            if CALLS[name].lane == "runs":
                assert self.go.wait(PATIENCE_S)
            if argument == b"fail":
                raise OSError(28, "No space left on device")
            return name.encode() + b":" + argument

        return act


class Bench:
    """A near end over a recorder, and as many links as a test likes."""

    def __init__(self) -> None:
        self.executor = Recorder()
        self.near = Near(self.executor)  # type: ignore[arg-type]
        self.notices: list[Notice | None] = []
        self.before: Final = [thread for thread in threading.enumerate() if thread.name == "link"]
        """Of other benches, which may have ended since."""
        self._ends: list[socket.socket] = []

    def raw(self) -> socket.socket:
        """A link's end of a fresh socket, without manners."""
        ours, theirs = socket.socketpair()
        ours.settimeout(PATIENCE_S)
        self._ends.append(ours)
        self.near.attach(theirs)
        return ours

    def far(self) -> Far:
        ours, theirs = socket.socketpair()
        self._ends.append(ours)
        self.near.attach(theirs)
        return Far(ours, self.notices.append)

    def close(self) -> None:
        self.executor.go.set()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture(scope="module")
def lasting() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def cut(end: socket.socket) -> bool:
    """Whether the executor has closed this socket."""
    with contextlib.suppress(ConnectionError):
        while end.recv(65536):
            pass
    return True


def frame(name: str, number: int, body: bytes) -> bytes:
    return HEADER.pack(len(body), CALLS[name].number, number) + body


def test_every_call_of_the_boundary_crosses_it() -> None:
    of_protocol = {name for name in vars(Executor) if not name.startswith("_")}
    assert of_protocol <= set(CALLS)
    assert len({call.number for call in CALLS.values()}) == len(CALLS)
    assert all(callable(getattr(Far, name)) for name in CALLS)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_an_argument_comes_to_its_call_and_the_answer_back(lasting: Bench, name: str) -> None:
    argument = b"x" * min(CALLS[name].limit, 48)
    assert getattr(lasting.far(), name)(argument) == name.encode() + b":" + argument


def test_a_large_argument_comes_whole(bench: Bench) -> None:
    data = bytes(range(256)) * 16_384
    assert len(data) > LARGE_BYTES
    assert bench.far().store(data) == b"store:" + data


def test_a_call_that_fails_is_an_error_and_the_next_one_is_answered(bench: Bench) -> None:
    far = bench.far()
    with pytest.raises(Cut, match="No space left"):
        far.install(b"fail")
    assert far.install(b"fine") == b"install:fine"


def test_calls_go_on_while_a_run_is_under_way(bench: Bench) -> None:
    far, ran = bench.far(), []
    bench.executor.go.clear()
    run = threading.Thread(target=lambda: ran.append(far.converge(b"apply")))
    run.start()
    until(lambda: bench.executor.calls)
    assert far.offer(b"target") == b"offer:target"
    assert not ran
    assert not bench.near.idle
    bench.executor.go.set()
    run.join(PATIENCE_S)
    assert ran == [b"converge:apply"]
    until(lambda: bench.near.idle)


def test_a_notice_comes_unasked_and_the_end_is_noticed(bench: Bench) -> None:
    far = bench.far()
    bench.near.tell(Notice.DRIFTED)
    until(lambda: bench.notices == [Notice.DRIFTED])
    assert far.standing(b"") == b"standing:"
    bench.near.finish(0.0)
    until(lambda: bench.notices == [Notice.DRIFTED, None])
    with pytest.raises(Cut):
        far.standing(b"")


def test_a_run_outlives_its_link_and_the_next_link_is_served(bench: Bench) -> None:
    bench.executor.go.clear()
    first = bench.raw()
    first.sendall(frame("converge", 1, b"apply"))
    until(lambda: bench.executor.calls)
    first.close()
    second = bench.far()
    assert second.offer(b"again") == b"offer:again"
    bench.executor.go.set()
    assert second.converge(b"start") == b"converge:start"
    assert [name for name, _ in bench.executor.calls] == ["converge", "offer", "converge"]


def test_only_the_newest_link_is_served(bench: Bench) -> None:
    first, second = bench.raw(), bench.far()
    assert second.standing(b"") == b"standing:"
    assert cut(first)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(HEADER.pack(5, 99, 1) + b"hello", id="no such call"),
        pytest.param(HEADER.pack(65, CALLS["converge"].number, 1) + b"x" * 65, id="too long for its call"),
        pytest.param(HEADER.pack(2**32 - 1, CALLS["store"].number, 1), id="4 GiB announced"),
        pytest.param(HEADER.pack(1, CALLS["standing"].number, 1) + b"x", id="an argument where there is none"),
        pytest.param(HEADER.pack(10, CALLS["offer"].number, 1) + b"x", id="broken off"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="another protocol"),
    ],
)
def test_who_breaks_a_rule_is_cut_off_and_the_next_link_is_served(bench: Bench, said: bytes) -> None:
    end = bench.raw()
    end.sendall(said)
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_WR)
    assert cut(end)
    assert bench.executor.calls == []
    assert bench.far().standing(b"") == b"standing:"


def test_who_asks_for_more_than_a_lane_takes_is_cut_off(bench: Bench) -> None:
    bench.executor.go.clear()
    end = bench.raw()
    for number in range(1, MAX_WAITING + 3):
        with contextlib.suppress(OSError):
            end.sendall(frame("converge", number, b"apply"))
    assert cut(end)
    bench.executor.go.set()
    assert bench.far().standing(b"") == b"standing:"
    until(lambda: bench.near.idle)
    assert len(bench.executor.calls) <= MAX_WAITING + 2


def test_descriptors_that_are_sent_along_are_not_taken(bench: Bench) -> None:
    with Path("/dev/null").open("rb") as file, contextlib.ExitStack() as stack:
        end = bench.raw()
        before = _open_descriptors()
        socket.send_fds(end, [frame("standing", 1, b"")], [file.fileno()] * 8)
        answer = stack.enter_context(end.makefile("rb")).read(HEADER.size + len(b"standing:"))
        assert answer.endswith(b"standing:")
        assert _open_descriptors() <= before + 1


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


pieces = st.one_of(
    st.binary(max_size=200),
    st.tuples(st.sampled_from(sorted(CALLS)), st.integers(0, 2**32 - 1), st.binary(max_size=80)).map(
        lambda each: frame(*each)
    ),
    st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 255), st.integers(0, 2**32 - 1)).map(
        lambda each: HEADER.pack(*each)
    ),
)


@given(said=st.lists(pieces, max_size=12), splits=st.lists(st.integers(1, 400), max_size=6))
def test_whatever_a_link_says_the_next_one_is_served(lasting: Bench, said: list[bytes], splits: list[int]) -> None:
    end, rest = lasting.raw(), b"".join(said)
    with contextlib.suppress(OSError):
        for size in splits:
            end.sendall(rest[:size])
            rest = rest[size:]
        end.sendall(rest)
        end.shutdown(socket.SHUT_WR)
    assert cut(end)
    until(lambda: lasting.near.idle)
    far = lasting.far()
    assert far.standing(b"") == b"standing:"
    # One that was cut off ends as soon as the machine lets it: this far's stays, and none of another example.
    until(lambda: sum(thread.name == "link" for thread in threading.enumerate()) <= 1 + len(lasting.before))
