"""What a user sees, on a terminal and elsewhere."""

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console
from run_process import CONFIGS

from protos import admin_pb2 as pb
from townlet.config_file import load_config
from townlet.launch.progress import Progress
from townlet.run_folder import RunFolder, write_json


def status(**fields):
    return pb.StatusResponse(
        **{
            "training_s": 83.0,
            "environment_steps": 1_234_567,
            "environment_steps_per_s": 32_100.0,
            "updates": 23_456,
            "updates_per_s": 512.0,
            "episodes": 4_321,
            "mean_survival": 312.4,
            "loss": 0.0123,
            "epsilon_min": 0.00066,
            "epsilon_max": 0.4,
            "replay_records": 405_000,
            "replay_capacity": 500_000,
            "policy_lag_mean": 1.25,
            "evaluations": [pb.EvaluationPoint(updates=20_000, training_s=70.0, mean_survival=487, standard_error=3)],
            "goal": pb.Goal(mean_survival=490, confirmations_needed=3),
        }
        | fields
    )


@pytest.fixture
def shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # no digits of a temporary path among the figures

    def show(terminal: bool, *statuses, config: str = "L1_full.yaml") -> str:
        config = load_config(CONFIGS / config, ["run.name=mine"])
        text = io.StringIO()
        progress = Progress(Console(file=text, force_terminal=terminal, width=120))
        with progress.showing(config, RunFolder(Path())):
            for each in statuses:
                progress.update(each)
            progress.note("actor-0 ended (killed by SIGKILL); starting it again")
        return text.getvalue()

    return show


@pytest.mark.parametrize("terminal", [True, False])
def test_everything_that_is_promised_is_shown(shown, terminal):
    text = shown(terminal, status())
    for words in (
        "1.23 M steps (32.1 k/s)",
        "23.5 k (512/s)",
        "4.32 k",
        "312",
        "487 ± 6",
        "0.0123",
        "0.00066 to 0.4",
        "81% of 500 k",
        "1.2",
        "490 not reached yet",
        "1:23",
    ):
        assert words in text, words


def test_without_a_terminal_there_are_no_control_codes_and_an_evaluation_is_told_once(shown):
    text = shown(False, None, status(), status(), status())
    assert "\x1b" not in text
    assert text.count("1:10  greedy survival 487 ± 6 of 500 steps after 20000 updates") == 1
    assert "actor-0 ended (killed by SIGKILL); starting it again" in text


def test_the_way_to_the_goal_is_told(shown):
    reached = pb.Goal(mean_survival=490, reached_s=62.0, confirmations=1, confirmations_needed=3)
    assert "490 reached after 1:02, confirmed 1 of 3" in shown(False, status(goal=reached))
    assert "490 reached, but lost again" in shown(False, status(goal=pb.Goal(mean_survival=490, lost=True)))


@pytest.mark.parametrize("terminal", [True, False])
def test_where_the_return_counts_it_is_what_is_shown(shown, terminal):
    points = [
        pb.EvaluationPoint(
            updates=updates, training_s=70.0, mean_survival=77, mean_return=mean, return_standard_error=2
        )
        for updates, mean in ((100, -20.5), (200, 480.0))
    ]
    goal = pb.Goal(mean_return=475, confirmations_needed=3)
    text = shown(terminal, status(mean_return=-3.21, evaluations=points, goal=goal), config="cartpole.yaml")
    for words in ("-3.21", "480 ± 3.92", "475 not reached yet"):
        assert words in text, words
    assert "77" not in text
    assert ("greedy return  ▁█" if terminal else "greedy return -20.5 ± 3.92 after 100 updates") in text


def test_dropped_episodes_are_told_when_there_are_any(shown):
    assert "  dropped " not in shown(False, status(dropped_episodes=0))
    assert "  dropped 3" in shown(False, status(dropped_episodes=3))


def test_the_stages_of_a_curriculum_are_shown_where_there_are_any(shown):
    stages = pb.Curriculum(stage_mean=2.375, stage_min=1, stage_max=4)
    for terminal in (True, False):
        assert re.search(r"curriculum .*stage 2\.4 \(1 to 4\)", shown(terminal, status(curriculum=stages)))
        assert "curriculum " not in shown(terminal, status())


def test_novelty_and_its_weight_are_told_when_there_is_curiosity(shown):
    text = shown(False, status(curiosity=pb.Curiosity(novelty=0.0123, intrinsic_weight=0.75)))
    assert "novelty 0.0123  intrinsic weight 0.75" in text
    assert "intrinsic weight" not in shown(False, status())


def test_who_waits_is_told(shown):
    assert "samples wait for inserts" in shown(False, status(waiting="samples wait for inserts: 4 of 1000"))


@pytest.mark.parametrize("terminal", [True, False])
def test_brackets_in_what_happened_are_just_brackets(tmp_path, terminal):
    text = io.StringIO()
    progress = Progress(Console(file=text, force_terminal=terminal, width=120))
    with progress.showing(load_config(CONFIGS / "L1_full.yaml"), RunFolder(tmp_path)):
        progress.update(status(waiting="for [/x]"))
        progress.note("learner ended: [/torch/pair.cc:537] closed")
        progress.update(status(waiting="for [/x]"))
    assert "learner ended: [/torch/pair.cc:537] closed" in text.getvalue()
    assert "for [/x]" in text.getvalue()


def test_before_the_learner_answers_a_terminal_shows_that_services_start(shown):
    assert "starting the services" in shown(True, None)


def test_the_end_is_one_sentence_and_what_to_do_next(tmp_path):
    folder = RunFolder(tmp_path)
    result = {"environment_steps": 2e6, "updates": 15_000, "episodes": 9_000, "training_s": 61.0}
    goal = {"reached_s": 38.0, "confirmations": 3, "lost": False, "confirmed": True}
    write_json(folder.result, {**result, "evaluations": [], "goal": goal})
    folder.policy.write_bytes(b"")
    text = io.StringIO()
    Progress(Console(file=text, width=200)).conclude(folder)
    assert text.getvalue().splitlines() == [
        "goal reached after 0:38 and held since · 2 M environment steps, 15 k updates, 9 k episodes in 1:01",
        f"see it live: townlet watch {tmp_path}",
        f"measure it:  townlet evaluate {tmp_path}",
    ]
    assert json.loads(folder.result.read_text())["goal"]["confirmed"]
