"""The diary of a run in lockstep."""

import json

import torch
from small_learner import make_learning

from learner.diary import Diary
from learner.update import Update


def update(loss: float) -> Update:
    return Update(torch.zeros(1), loss, mean_q=1.0, gradient_norm=2.0)


def lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_that_goes_back_writes_its_rounds_again(tmp_path):
    path, learning = tmp_path / "rounds.jsonl", make_learning()
    diary = Diary(path, learning, round=0, period=1)
    for round in range(1, 5):
        diary.add(update(1.0))
        diary.add(update(2.0))
        diary.end_round({"round": round})
    with path.open("a") as file:
        file.write('{"round": 5, "lo')  # it was killed while it wrote
    before = [json.loads(line) for line in path.read_text().splitlines()[:2]]
    assert [line["loss"] for line in before] == [1.5, 1.5]
    diary = Diary(path, learning, round=2, period=1)
    assert lines(path) == before
    diary.end_round({"round": 3})  # without an update there are no means
    assert lines(path)[2].keys() == {"round", "online"}


def test_a_line_is_written_every_so_many_rounds(tmp_path):
    path = tmp_path / "rounds.jsonl"
    diary = Diary(path, make_learning(), round=0, period=3)
    for round in range(1, 8):
        diary.add(update(float(round)))
        diary.end_round({"round": round})
    assert [(line["round"], line["loss"]) for line in lines(path)] == [(3, 3.0), (6, 6.0)]
