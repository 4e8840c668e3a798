"""Townlet races on CartPole-v1 to a goal that anybody reaches, with no peer beside."""

from bench.cartpole_race import measure
from bench.report import read
from bench.rounds import Options


def test_townlet_races_alone_where_no_peer_is_installed(tmp_path):
    chosen = Options()
    chosen.rounds, chosen.json = 1, tmp_path / "found.json"
    goal = "evaluation.goal={mean_return: 8, hold: 8, confirmations: 0}"
    measure(chosen, [], goal, "evaluation.episodes=2", "evaluation.period_updates=20", "learner.max_updates=5000")
    (found,) = read(chosen.json)
    assert list(found.figures) == ["Townlet", "Townlet, start"]
    assert found.ratios == {}
