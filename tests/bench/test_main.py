"""`python -m bench` runs every benchmark, whatever becomes of the others."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from bench.__main__ import BENCHMARKS, main
from bench.rounds import Comparison

FOUND = Comparison("a table", {"fast": [2.0]}, {"fast": "steps/s"}, {"fast / slow": [0.5]})


class Runs:
    """Stands in for the processes: each benchmark finds FOUND, some fail before that and some after."""

    def __init__(self, before: tuple[str, ...] = (), after: tuple[str, ...] = ()) -> None:
        self.names: list[str] = []
        self._before, self._after = before, after

    def __call__(self, command: list[str]) -> int:
        name = command[2].removeprefix("bench.")
        self.names.append(name)
        if name not in self._before:
            Path(command[command.index("--json") + 1]).write_text(json.dumps([asdict(FOUND)]))
        return 3 if name in self._before + self._after else 0


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["bench", "--rounds", "1"])
    return tmp_path / "page.md"


def sections(page: Path) -> dict[str, str]:
    """What is said of each benchmark."""
    parts = page.read_text().split("\n## ")[1:]
    return {name: text for name, _, text in (part.partition("\n") for part in parts)}


def test_one_that_fails_keeps_no_other_from_running_and_the_page_and_the_end_say_which_it_was(page):
    early, late = BENCHMARKS[1], BENCHMARKS[3]
    runs = Runs(before=(early,), after=(late,))
    with pytest.raises(SystemExit, match=f"^failed: {early}, {late}$"):  # words, so that the status is 1
        main(runs, page)
    assert runs.names == list(BENCHMARKS)
    said = sections(page)
    assert list(said) == list(BENCHMARKS)
    assert {name for name, text in said.items() if "It failed" in text} == {early, late}
    assert {name for name, text in said.items() if "### a table" in text} == set(BENCHMARKS) - {early}


def test_there_is_a_page_where_all_have_failed(page):
    with pytest.raises(SystemExit):
        main(Runs(before=BENCHMARKS), page)
    assert list(sections(page)) == list(BENCHMARKS)


def test_where_none_fails_it_ends_well(page):
    main(Runs(), page)
    assert "It failed" not in page.read_text()


def test_those_that_are_named_are_measured_anew_and_the_page_keeps_the_others(page, monkeypatch):
    main(Runs(), page)
    one, other = BENCHMARKS[1], BENCHMARKS[3]
    monkeypatch.setattr("sys.argv", ["bench", other, one, "--rounds", "1"])
    runs = Runs(before=(other,))
    with pytest.raises(SystemExit, match=f"^failed: {other}$"):
        main(runs, page)
    assert runs.names == [other, one]
    said = sections(page)
    assert list(said) == list(BENCHMARKS)
    assert {name for name, text in said.items() if "### a table" in text} == set(BENCHMARKS) - {other}


def test_a_name_of_no_benchmark_is_refused(page, monkeypatch):
    monkeypatch.setattr("sys.argv", ["bench", "world_stp"])
    with pytest.raises(SystemExit, match=r"expected names of benchmarks .*world_step.*, found world_stp$"):
        main(Runs(), page)
    assert not page.exists()
