"""Curves are drawn where their values are, in braille, with labels that do not hide each other."""

import numpy as np
import pytest

from attune.demo.chart import Curve, Frame, Marker, draw_chart

FRAME = Frame(width=60, height=10, top=1.0, seconds=40)
HEADER = 1


def lines_of(*curves: Curve, markers: tuple[Marker, ...] = ()) -> list[str]:
    return draw_chart(FRAME, curves, markers).plain.split("\n")


def is_braille(character: str) -> bool:
    return 0x2800 < ord(character) <= 0x28FF


@pytest.mark.parametrize(
    ("value", "row"),
    [
        (1.0, 0),  # the upper edge
        (0.0, 9),  # the lower edge
        (0.55, 4),  # just above the middle
        (7.0, 0),  # above the upper edge: drawn at the edge
        (-1.0, 9),  # below the lower edge: drawn at the edge
    ],
)
def test_a_constant_curve_is_a_line_across_one_row(value: float, row: int) -> None:
    lines = lines_of(Curve("c", "green", np.full(5, value)))[HEADER : HEADER + FRAME.height]
    drawn = [sum(map(is_braille, line)) for line in lines]
    assert drawn == [FRAME.columns if at == row else 0 for at in range(FRAME.height)]


def test_what_is_not_known_yet_is_not_drawn() -> None:
    half = np.array([0.5] * 10 + [np.nan] * 10)
    drawn = sum(map(is_braille, "".join(lines_of(Curve("c", "green", half)))))
    assert drawn == pytest.approx(FRAME.columns / 2, abs=1)


def test_a_curve_without_values_is_neither_drawn_nor_labelled() -> None:
    text = "".join(lines_of(Curve("nobody", "green", np.full(4, np.nan))))
    assert not any(map(is_braille, text))
    assert "nobody" not in text


def test_a_steep_curve_has_no_gaps() -> None:
    lines = lines_of(Curve("c", "green", np.array([0.0, 0.0, 1.0, 1.0])))[HEADER : HEADER + FRAME.height]
    assert all(any(map(is_braille, line)) for line in lines)


def test_labels_of_equal_values_stand_below_each_other() -> None:
    lines = lines_of(Curve("one", "green", np.full(3, 0.5)), Curve("two", "red", np.full(3, 0.5)))
    labelled = [line.split()[-1] for line in lines if line.endswith(("one", "two"))]
    assert sorted(labelled) == ["one", "two"]


def test_labels_at_the_lower_edge_stay_inside_the_chart() -> None:
    curves = [Curve(name, "green", np.zeros(3)) for name in ("one", "two", "three")]
    lines = lines_of(*curves)
    assert len(lines) == HEADER + FRAME.height + 2
    assert sum(line.endswith(("one", "two", "three")) for line in lines[HEADER : HEADER + FRAME.height]) == 3


def test_markers_are_named_above_their_line() -> None:
    lines = lines_of(markers=(Marker(0.4, "killed", "red"), Marker(0.5, "changed", "red")))
    assert lines[0].split() == ["killed", "▾", "▾", "changed"]
    assert lines[1].count("┊") == 2
    assert lines[1].index("┊") == lines[0].index("▾")


def test_the_more_important_curve_gives_a_shared_cell_its_colour() -> None:
    text = draw_chart(FRAME, [Curve("a", "green", np.full(3, 0.5)), Curve("b", "red", np.full(3, 0.5))])
    drawn = {span.style for span in text.spans if is_braille(text.plain[span.start])}
    assert drawn == {"green"}


def test_every_line_fits_the_width() -> None:
    lines = lines_of(Curve("control group", "green", np.linspace(0, 1, 50)), markers=(Marker(1.0, "m", "red"),))
    assert max(map(len, lines[HEADER:])) <= FRAME.width
