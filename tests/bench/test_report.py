"""Every figure that was measured is on the page."""

from importlib import import_module

from bench.__main__ import BENCHMARKS
from bench.curve import Curve
from bench.report import Measured, keep, kept, measured_here, read, write_page
from bench.rounds import Case, Comparison, Ratio, compare


def counting(*values: float) -> Case:
    """A case whose first measurement, the warm-up, is none of these."""
    left = iter([-1.0, *values])
    return Case(f"{values[0]:g} and more", "things/s", lambda: next(left))


def test_what_is_compared_is_written_round_by_round_after_what_was_before(chosen):
    compare("first", [counting(2, 4, 6)], [], chosen)
    many, few = counting(30, 20, 40), counting(10, 10, 10)
    compare("second", [many, few], [Ratio("many / few", many.name, few.name)], chosen)
    first, second = read(chosen.json)
    assert first == Comparison("first", {"2 and more": [2, 4, 6]}, {"2 and more": "things/s"}, {})
    assert second.figures == {"30 and more": [30, 20, 40], "10 and more": [10, 10, 10]}
    assert second.ratios == {"many / few": [3, 2, 4]}


def test_a_benchmark_that_writes_nothing_has_nothing_to_show(tmp_path):
    assert read(tmp_path / "nothing.json") == []


def test_the_page_has_each_claim_its_tables_and_a_picture(tmp_path):
    comparison = Comparison(
        "a table", {"fast": [2e6, 3e6, 4e6]}, {"fast": "steps/s"}, {"fast / slow": [0.5, 0.25, 0.75]}
    )
    page, picture = tmp_path / "page.md", tmp_path / "page.svg"
    here = Measured("2 cores", "2026-11-30", False, [comparison])
    write_page({"world_step": here, "sample": measured_here([], failed=True)}, page)
    text = page.read_text()
    for words in (
        "## world_step\n\nClaim: on one core",
        "### a table",
        "| fast | 3,000,000 | 2,000,000 | 4,000,000 | steps/s |",
        "| **fast / slow** | 0.5 | 0.25 | 0.75 | ratio |",
        "Measured on 2 cores, 2026-11-30.",
        "## sample\n\nClaim: one client samples",
        "**It failed here**",
        "](page.svg)",
    ):
        assert words in text, words
    assert "a table: fast / slow" in picture.read_text()


def test_what_is_kept_is_read_again(tmp_path):
    measured = measured_here(
        [Comparison("a", {"b": [1.0]}, {"b": "s"}, {}), Curve("c", "lanes", "steps/s", [1, 2], {"d": [[3.0], [4.0]]})]
    )
    keep("world_step", measured, tmp_path / "kept")
    assert kept(["sample", "world_step"], tmp_path / "kept") == {"world_step": measured}


def test_every_benchmark_of_make_bench_says_what_it_claims():
    for name in BENCHMARKS:
        assert import_module(f"bench.{name}").__doc__.startswith("Claim: "), name
