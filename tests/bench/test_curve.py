"""A curve keeps every figure, knows where it bends, and is on the page with its picture."""

import pytest

from bench.curve import Curve, trace
from bench.report import measured_here, read, write_page
from bench.rounds import Options

SIZES = [1, 10, 100, 1000]


@pytest.fixture
def chosen(tmp_path):
    options = Options()
    options.rounds, options.seconds, options.json, options.profile = 2, 0.0, tmp_path / "found.json", False
    return options


def curve(*values: float) -> Curve:
    return Curve("a curve", "things", "ms", SIZES, {"line": [[value] for value in values]})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((5, 5, 50, 500), "line bends at 10: from the power 0.00 of the size to 1.00."),
        ((1, 10, 100, 110), "line bends at 100: from the power 1.00 of the size to 0.04."),
        ((2, 20, 200, 2000), "line does not bend: it goes with the power 1.00 of the size."),
        ((7, 7, 8, 7), "line does not bend: it goes with the power 0.01 of the size."),
    ],
)
def test_a_curve_bends_where_two_straight_pieces_fit_best(values, said):
    assert curve(*values).bends() == [said]


def test_two_points_do_not_bend():
    assert Curve("", "", "", [1, 10], {"line": [[1.0], [10.0]]}).bends() == [
        "line does not bend: it goes with the power 1.00 of the size."
    ]


def test_every_size_is_measured_in_turn_and_kept(chosen, capsys):
    asked = []

    def measure(size: int) -> float:
        asked.append(size)
        return float(size * len(asked))

    traced = trace("a curve", "things", "ms", SIZES, {"line": measure}, chosen)
    assert asked == SIZES * 2
    assert traced.figures == {"line": [[1, 5], [20, 60], [300, 700], [4000, 8000]]}
    assert read(chosen.json) == [traced]
    assert "line does not bend" in capsys.readouterr().out


def test_a_curve_is_on_the_page_with_its_own_picture(tmp_path):
    page = tmp_path / "page.md"
    write_page({"scale_lanes": measured_here([curve(5, 50, 500, 50_000)])}, page)
    for words in (
        "### a curve: ms",
        "| things | line |",
        "| 1,000 | 50,000 |",
        "line bends at 100: from the power 1.00 of the size to 2.00.",
        "![a curve](page-scale_lanes-0.svg)",
    ):
        assert words in page.read_text(), words
    assert "a curve" in (tmp_path / "page-scale_lanes-0.svg").read_text()
