"""What people see of an environment's lane."""

import io

import numpy as np
import pytest
from rich.console import Console

from townlet.worlds.moment import Moment
from townlet.worlds.portrait import LaneView, one_line, portrait

BLOCKS = {
    "pole": np.array([0.5, -1.25], np.float32),
    "card": np.array([0, 0, 1, 0], np.uint8),
    "picture": np.arange(48, dtype=np.uint8).reshape(4, 4, 3),
}


def moment(**fields) -> Moment[LaneView]:
    told = {"q": (1.0, 2.0, 3.0), "action_mask": (True, True, False), "action": 1, "reward": -0.5, "total": 4.5}
    return Moment(LaneView(episode=2, steps=7, blocks=BLOCKS), **told | {"last": False, "died": False} | fields)


def test_a_step_is_one_line():
    assert one_line(moment()) == (
        "step 7 action 1 q [1.00 2.00 -] reward -0.5 · pole [0.5 -1.25] card at 2 picture uint8 [4, 4, 3] from 0 to 47"
    )


@pytest.mark.parametrize(("died", "word"), [(True, "terminated"), (False, "truncated")])
def test_the_end_is_told_with_its_return(died, word):
    assert one_line(moment(last=True, died=died)).splitlines()[1] == f"{word} after 8 steps, return 4.5"


def test_a_terminal_shows_the_same():
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(portrait(moment(last=True), "Env-v0"))
    text = console.export_text()
    for words in ("Env-v0 · episode 3 · step 7", "action 1  Q    2.000", "action 2  -", "card at 2", "truncated"):
        assert words in text, words
