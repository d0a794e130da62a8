"""The lattice: windows that do not depend on the area, weights that add up, cells that tile."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.canopy.mapping.lattice import Axis, Box, Lattice, Span, Tiling
from assay.core.errors import BadInput

TILINGS = [Tiling(), Tiling(96, 32, 24, 16), Tiling(96, 32, 0, 16), Tiling(128, 64, 64, 32), Tiling(640, 64, 48, 32)]
starts = st.integers(-10_000, 10_000)
sizes = st.integers(1, 3000)
ratios = st.sampled_from([1.0, 2.0, 0.5, 2 ** (3 / 16), 2 ** (-5 / 16), 5.0])


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    start, size = draw(starts), draw(sizes)
    first = draw(st.integers(0, size - 1))
    last = draw(st.integers(first + 1, size))
    tiling = draw(st.sampled_from(TILINGS))
    return Axis(Span(start, start + size), Span(start + first, start + last), draw(ratios), tiling)


@given(axes())
@settings(max_examples=150, deadline=None)
def test_the_weights_of_all_windows_add_up_to_one_everywhere(axis: Axis) -> None:
    total = np.zeros(len(axis.area))
    for k in axis.windows:
        part = axis.support(k) & axis.area
        total[part.within(axis.area.start)] += axis.weights(k, part)
    np.testing.assert_allclose(total, 1, atol=1e-6)


@given(axes())
@settings(max_examples=150, deadline=None)
def test_a_window_shows_all_that_it_gives_heights_for(axis: Axis) -> None:
    m = axis.tiling.multiple
    for k in axis.windows:
        extent, support = axis.extent(k), axis.support(k)
        assert len(extent) % m == 0 and extent.start % m == 0
        assert 0 < len(extent) <= axis.tiling.window
        assert extent.start <= (support.start + 0.5) / axis.ratio
        assert (support.stop - 0.5) / axis.ratio <= extent.stop


@given(axes())
@settings(max_examples=150, deadline=None)
def test_windows_do_not_depend_on_the_area_that_is_asked_for(axis: Axis) -> None:
    whole = Axis(axis.data, axis.data, axis.ratio, axis.tiling)
    for k in axis.windows:
        assert k in whole.windows
        assert (axis.extent(k), axis.support(k)) == (whole.extent(k), whole.support(k))
    assert not any(len(whole.support(k) & axis.area) for k in whole.windows if k not in axis.windows)


@given(axes())
@settings(max_examples=150, deadline=None)
def test_the_regions_of_cells_tile_the_area_and_nobody_else_reaches_into_a_body(axis: Axis) -> None:
    regions = [axis.region(cell) for cell in axis.cells]
    covered = [p for region in regions for p in range(region.start, region.stop)]
    assert covered == list(range(axis.area.start, axis.area.stop))
    assert [k for cell in axis.cells for k in axis.windows_of(cell)] == list(axis.windows)
    for cell in axis.cells:
        reach, body = axis.reach(cell), axis.body(cell)
        assert len(reach & body) == len(body)
        for other in axis.cells:
            if other != cell:
                assert not len(axis.reach(other) & body)
            if abs(other - cell) > 1:
                assert not len(axis.reach(other) & axis.region(cell))


@given(axes(), axes())
@settings(max_examples=60, deadline=None)
def test_frame_and_body_are_all_that_a_cell_reaches(y: Axis, x: Axis) -> None:
    lattice = Lattice(y, x)
    for cell in list(lattice.cells())[:6]:
        reach = lattice.reach(cell)
        seen = np.zeros(reach.shape, int)
        for box in [*lattice.frame(cell), lattice.body(cell)]:
            seen[box.within(reach) if box.size else np.s_[:0, :0]] += 1
        assert (seen == 1).all()


def test_the_waste_of_the_usual_tiling_is_below_thirty_per_cent() -> None:
    assert Tiling.of(32).waste < 1.3 and Tiling.of(16).waste < 1.3
    side = Span(123, 20_123)
    lattice = Lattice(*(Axis(side, side, 1.0, Tiling.of(32)) for _ in range(2)))
    assert lattice.predicted_pixels / 20_000**2 < 1.3


@pytest.mark.parametrize(
    ("window", "overlap", "ramp"), [(100, 64, 8), (640, 32, 8), (640, 64, 65), (64, 64, 8), (640, 64, -1)]
)
def test_sizes_that_do_not_fit_together_are_refused(window: int, overlap: int, ramp: int) -> None:
    with pytest.raises(BadInput):
        Tiling(window, overlap, ramp, 32)


def test_a_box_knows_its_place_in_another() -> None:
    outer, inner = Box(Span(10, 20), Span(-5, 5)), Box(Span(12, 15), Span(0, 5))
    assert (outer & inner) == inner
    assert inner.within(outer) == (slice(2, 5), slice(5, 10))
    assert not (inner & Box(Span(30, 40), Span(0, 1))).size
