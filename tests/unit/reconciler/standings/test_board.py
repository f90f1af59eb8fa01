"""The board holds what a count of all hosts would find, whatever moves them and in whatever order."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from reconciler.standings import NO_COURSE, Board, Course, Entry, Facts, named, spot
from schema.rollouts import RolloutState
from schema.standings import StandingClass

NEW, OLD = "a" * 64, "b" * 64
STOPPED = Course(RolloutState.STOPPED, "why")

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "ran", "online", "offline", "sweep"]),
        st.integers(0, 7),
        st.sampled_from([NEW, OLD]),
        st.booleans(),
    ),
    max_size=40,
)


def entry(number: int, ran: str = "", *, failed: bool = False) -> Entry:
    return Entry(f"id{number}", f"web{number % 5}.example.com", ran, failed=failed)


@given(STEPS)
def test_the_counts_are_those_of_a_recount(steps: list[tuple[str, int, str, bool]]) -> None:
    board = Board()
    known: dict[str, Entry] = {}
    online: set[str] = set()

    def judge(each: Entry) -> Facts:
        number = int(each.id[2:])
        desired = None if number == 3 else NEW
        return Facts(desired, each.ran, each.failed, None, each.id in online, wave=number % 2, released=number < 4)

    for what, number, catalog, failed in steps:
        envoy_id = f"id{number}"
        if what == "add":
            known.setdefault(envoy_id, entry(number))
            board.add(entry(number))
        elif what == "remove":
            known.pop(envoy_id, None)
            board.remove(envoy_id)
        elif what == "ran":
            assert board.ran(envoy_id, catalog, failed=failed) == (envoy_id in known)
            if envoy_id in known:
                known[envoy_id].ran, known[envoy_id].failed = catalog, failed
        elif what in {"online", "offline"}:
            (online.add if what == "online" else online.discard)(envoy_id)
        board.judge(board.ids() if what == "sweep" else [envoy_id], judge)

    board.judge(board.ids(), judge)
    board.forget_digests()
    for course in (NO_COURSE, STOPPED):
        expected = Counter(named(spot(judge(each)), course) for each in known.values())
        assert board.counts(course) == expected
        assert sum(board.counts(course).values()) == len(board) == len(known)
        for name in StandingClass:
            there = sorted(each.hostname for each in known.values() if named(spot(judge(each)), course)[0] is name)
            assert [each.hostname for each in board.hosts(name, course, limit=100)] == there
            for after in ("", "web2.example.com"):
                behind = [hostname for hostname in there if hostname > after]
                found = board.hosts(name, course, after=after, limit=2)
                assert [each.hostname for each in found] == behind[:2]


def test_hosts_of_one_wave_are_told_apart() -> None:
    board = Board([entry(number, OLD) for number in range(5)])
    board.judge(board.ids(), lambda each: Facts(NEW, each.ran, False, None, True, wave=int(each.id[2:]) % 2))

    of_first = board.hosts(StandingClass.WAVE, NO_COURSE, wave=0, every_wave=False, limit=10)
    assert [each.id for each in of_first] == ["id0", "id2", "id4"]
    assert board.counts(NO_COURSE) == {(StandingClass.WAVE, 0): 3, (StandingClass.WAVE, 1): 2}


def test_a_rare_class_is_found_among_many() -> None:
    board = Board([Entry(str(number), f"h{number:05}") for number in range(500)])
    board.judge(board.ids(), lambda each: Facts(NEW, OLD, False, None, int(each.id) % 200 != 0))

    assert [each.hostname for each in board.hosts(StandingClass.OFFLINE, NO_COURSE, limit=2)] == ["h00000", "h00200"]
    behind = board.hosts(StandingClass.OFFLINE, NO_COURSE, after="h00200", limit=2)
    assert [each.hostname for each in behind] == ["h00400"]


def test_digests_that_nobody_has_are_let_go_of() -> None:
    board = Board([entry(1)])
    for number in range(10):
        board.ran("id1", f"{number:064}", failed=False)
    board.forget_digests()

    assert board.shared("0" * 63 + "9") is board.get("id1").ran  # type: ignore[union-attr]
    assert len(board._digests) == 1
