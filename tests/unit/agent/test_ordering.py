"""Order: as listed, except where one waits for another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.ordering import Waits, order


def waits(crate: int, requires: tuple[int, ...] = (), notifies: tuple[int, ...] = ()) -> Waits:
    return Waits(crate, requires, notifies)


def test_nothing_waits() -> None:
    assert order([], []) == ([], [])
    assert order([waits(0), waits(0), waits(1)], [(), ()]) == ([0, 1, 2], [])


def test_a_crate_waits_for_a_whole_crate_even_an_empty_one() -> None:
    assert order([waits(0), waits(1), waits(1)], [(1,), ()]) == ([1, 2, 0], [])
    assert order([waits(0), waits(2)], [(1,), (2,), ()]) == ([1, 0], [])


def test_resources_wait_across_crates() -> None:
    assert order([waits(0, (1,)), waits(1)], [(), ()]) == ([1, 0], [])


def test_circles_are_found_and_the_rest_is_ordered() -> None:
    assert order([waits(0, (1,)), waits(0, (0,)), waits(0), waits(0, (1,))], [()]) == ([2], [0, 1, 3])
    assert order([waits(0, (0,))], [()]) == ([], [0])
    assert order([waits(0), waits(1)], [(1,), (0,)]) == ([], [0, 1])


@given(data=st.data())
def test_every_order_respects_every_wait_and_keeps_the_list_where_it_can(data: st.DataObject) -> None:
    crates = data.draw(st.integers(1, 4))
    count = data.draw(st.integers(0, 12))
    homes = sorted(data.draw(st.lists(st.integers(0, crates - 1), min_size=count, max_size=count)))
    rank = data.draw(st.permutations(range(count)))  # waits only go down in rank within a crate: no circles
    resources = []
    for index in range(count):
        lower = [other for other in range(count) if homes[other] == homes[index] and rank[other] < rank[index]]
        higher = [other for other in range(count) if homes[other] == homes[index] and rank[other] > rank[index]]
        resources.append(
            Waits(
                homes[index],
                data.draw(st.lists(st.sampled_from(lower), max_size=2)) if lower else [],
                data.draw(st.lists(st.sampled_from(higher), max_size=2)) if higher else [],
            )
        )
    required = [[other for other in range(crate) if data.draw(st.booleans())] for crate in range(crates)]
    ordered, circle = order(resources, required)
    assert circle == []
    assert sorted(ordered) == list(range(count))
    place = {index: at for at, index in enumerate(ordered)}
    for index, resource in enumerate(resources):
        assert all(place[other] < place[index] for other in resource.requires)
        assert all(place[other] > place[index] for other in resource.notifies)
        for crate in required[resource.crate]:
            assert all(place[other] < place[index] for other in range(count) if homes[other] == crate)
    if not any(resource.requires or resource.notifies for resource in resources):
        assert ordered == list(range(count))
