import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitwright.report.pareto import Direction, front

directions = st.lists(st.sampled_from(("max", "min")), min_size=1, max_size=4)


@st.composite
def clouds(draw: st.DrawFn) -> tuple[list[tuple[int, ...]], list[Direction]]:
    """Points on a coarse grid, so that ties and duplicates are frequent."""
    ways = draw(directions)
    point = st.tuples(*[st.integers(0, 4)] * len(ways))
    return draw(st.lists(point, max_size=30)), ways


def dominates(one, other, ways) -> bool:
    gains = [a - b if way == "max" else b - a for a, b, way in zip(one, other, ways, strict=True)]
    return min(gains) >= 0 and max(gains) > 0


@given(clouds())
def test_members_are_undominated_and_the_rest_is_dominated_or_a_duplicate(cloud):
    points, ways = cloud
    members = front(points, ways)
    for member in members:
        assert not any(dominates(other, points[member], ways) for other in points)
    for index in set(range(len(points))) - set(members):
        chosen = [points[member] for member in members]
        assert points[index] in chosen or any(
            dominates(other, points[index], ways) for other in chosen
        )


@given(clouds())
def test_indices_rise_and_no_point_is_taken_twice(cloud):
    points, ways = cloud
    members = front(points, ways)
    assert list(members) == sorted(members)
    assert len({points[member] for member in members}) == len(members)


def test_direction_decides_what_is_better():
    points = [(1.0, 1.0), (2.0, 2.0)]
    assert front(points, ("max", "max")) == (1,)
    assert front(points, ("min", "min")) == (0,)
    assert front(points, ("max", "min")) == (0, 1)


def test_a_point_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="zip"):
        front([(1.0, 2.0, 3.0)], ("max", "min"))
