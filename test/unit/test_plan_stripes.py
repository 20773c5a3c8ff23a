# SPDX-License-Identifier: Apache-2.0
"""Rows needed, made and held by stripes, against figures found by hand."""

import numpy as np
import pytest

from npuc.plan.stripes import Footprints, profile
from samples.plans import Drawing, i8


def shape_of(drawing: Drawing, output: int, stripe_rows: int, **options):
    graph = drawing.graph(output)
    return profile(Footprints(graph), tuple(range(len(graph.nodes))), stripe_rows, **options)


def of(value: int, shape, what: str) -> list:
    """(low, high) rows made, or the oldest row needed, of one value in every stripe; None where there is none."""
    return list(getattr(shape, what).get(value, (None,) * shape.count))


def two_convolutions() -> tuple[Drawing, int, int, int]:
    drawing = Drawing()
    x = drawing.input(i8(1, 8, 8, 8))
    y = drawing.conv(x, 8)
    return drawing, x, y, drawing.conv(y, 8)


def test_two_3x3_convolutions_keep_their_halos():
    """Output rows 2k, 2k + 1 need rows 2k - 1 .. 2k + 2 of the middle, whose new rows 2k + 1, 2k + 2 need rows 2k .. 2k + 3 of the input."""
    drawing, x, y, z = two_convolutions()
    shape = shape_of(drawing, z, 2, ahead=False)
    assert of(z, shape, "made") == [(0, 2), (2, 4), (4, 6), (6, 8)]
    assert of(y, shape, "made") == [(0, 3), (3, 5), (5, 7), (7, 8)]
    assert of(x, shape, "made") == [(0, 4), (4, 6), (6, 8), None]
    assert of(y, shape, "oldest") == [0, 1, 3, 5]
    assert of(x, shape, "oldest") == [0, 2, 4, 6]
    # input: rows 2k .. 2k + 3; middle: rows 2k - 1 .. 2k + 2; output: a stripe leaves while the next one is made
    assert shape.capacity == {x: 4, y: 4, z: 4}


def test_rows_loaded_ahead_need_room_beside_those_in_use():
    drawing, x, _, z = two_convolutions()
    assert shape_of(drawing, z, 2, ahead=True).capacity[x] == 6


def test_one_stripe_holds_everything():
    drawing, x, y, z = two_convolutions()
    shape = shape_of(drawing, z, 8)
    assert shape.count == 1
    assert shape.capacity == {x: 8, y: 8, z: 8}


def test_a_stride_of_two_takes_two_rows_for_one():
    """Output row r needs rows 2r - 1 .. 2r + 1 of nine."""
    drawing = Drawing()
    x = drawing.input(i8(1, 9, 4, 8))
    y = drawing.conv(x, 8, stride=2)
    shape = shape_of(drawing, y, 2, ahead=False)
    assert of(y, shape, "made") == [(0, 2), (2, 4), (4, 5)]
    assert of(x, shape, "made") == [(0, 4), (4, 8), (8, 9)]
    assert of(x, shape, "oldest") == [0, 3, 7]
    assert shape.capacity[x] == 5
    assert shape_of(drawing, y, 2, ahead=True).capacity[x] == 8


def test_a_residual_holds_its_rows_until_the_sum():
    """The branch runs four rows ahead; the sum reads rows 2k, 2k + 1 of its start, older than what the branch needs (2k + 1 ..)."""
    drawing = Drawing()
    x = drawing.input(i8(1, 16, 4, 8))
    start = drawing.conv(x, 8, kernel=1, pad=0)
    y = start
    for _ in range(3):
        y = drawing.conv(y, 8)
    shape = shape_of(drawing, drawing.add(y, start), 2)
    assert of(start, shape, "made")[:3] == [(0, 5), (5, 7), (7, 9)]
    assert of(start, shape, "oldest")[:4] == [0, 2, 4, 6]
    assert shape.capacity[start] == 5
    alone = Drawing()
    y = start = alone.conv(alone.input(i8(1, 16, 4, 8)), 8, kernel=1, pad=0)
    for _ in range(3):
        y = alone.conv(y, 8)
    assert of(start, shape_of(alone, y, 2), "oldest")[:4] == [0, 3, 5, 7]


def test_rows_that_nobody_reads_are_made_and_need_a_place():
    """Rows 0 and 1 are cut away; the convolution makes them with the others, in one go."""
    drawing = Drawing()
    x = drawing.input(i8(1, 10, 4, 8))
    y = drawing.conv(x, 8)
    z = drawing.cut_rows(y, 2, 8)
    shape = shape_of(drawing, z, 4)
    assert of(y, shape, "made") == [(0, 6), (6, 10)]
    assert of(y, shape, "oldest") == [2, 6]
    assert shape.capacity[y] == 6


def test_what_stays_and_what_is_there_already():
    drawing, x, y, z = two_convolutions()
    kept = shape_of(drawing, z, 2, keep=(y,))
    assert kept.capacity[y] == 8
    resident = shape_of(drawing, z, 2, resident=frozenset((x,)))
    assert of(x, resident, "made") == [None] * 4
    assert x not in resident.capacity


def test_a_view_is_whole_on_both_sides():
    drawing = Drawing()
    x = drawing.input(i8(1, 8, 4, 8))
    y = drawing.conv(x, 8)
    z = drawing.reshape(y, 1, 4, 8, 8)
    shape = shape_of(drawing, drawing.conv(z, 8), 1)
    assert (shape.capacity[y], shape.capacity[z]) == (8, 4)


def test_results_of_different_heights_keep_pace():
    drawing = Drawing()
    x = drawing.input(i8(1, 8, 4, 8))
    tall = drawing.conv(x, 8)
    short = drawing.conv(tall, 8, stride=2)
    graph = drawing.graph(tall, short)
    shape = profile(Footprints(graph), (0, 1), 2)
    assert of(short, shape, "made") == [(0, 1), (1, 2), (2, 3), (3, 4)]
    made = of(tall, shape, "made")
    assert (made[0][0], made[-1][1]) == (0, 8)


@pytest.mark.parametrize("seed", range(20))
def test_rings_hold_what_any_stripe_reads_and_makes(seed):
    """Any chain of windows, any stripe: each row is made once, in order, and what a stripe reads or makes fits the ring beside it."""
    rng = np.random.default_rng(seed)
    drawing = Drawing()
    y = drawing.input(i8(1, int(rng.integers(6, 30)), 6, 8))
    for _ in range(int(rng.integers(1, 5))):
        kernel = int(rng.choice([1, 3, 5]))
        height = drawing.types[y].shape[1]
        if kernel > height:
            break
        y = drawing.conv(y, 8, kernel=kernel, stride=int(rng.choice([1, 1, 2])), pad=kernel // 2)
        if rng.random() < 0.4 and drawing.types[y].shape[1] > 4:
            start = int(rng.integers(0, 3))
            y = drawing.cut_rows(y, start, drawing.types[y].shape[1] - start - int(rng.integers(0, 2)))
    graph = drawing.graph(y)
    footprints = Footprints(graph)
    for stripe_rows in range(1, drawing.types[y].shape[1] + 1):
        shape = profile(footprints, tuple(range(len(graph.nodes))), stripe_rows)
        done: dict[int, int] = {}
        for step in range(shape.count):
            for value in shape.made:
                if (appears := shape.rows_made(value, step)) is not None:
                    low, high = appears
                    assert low == done.get(value, 0) < high
                    assert high - low <= shape.capacity[value]
                    done[value] = high
            for node in graph.nodes:
                if (appears := shape.rows_made(node.output, step)) is None:
                    continue
                for value, low, high in footprints.needs(node, *appears):
                    assert done[value] >= high
                    assert done[value] - low <= shape.capacity[value]
        assert done[y] == drawing.types[y].shape[1]
