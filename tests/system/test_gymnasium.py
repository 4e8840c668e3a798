"""The shipped Gymnasium configurations start, step, learn, and tell when an environment fails."""

import importlib.util
import json
import re
import subprocess

import pytest
from run_process import CONFIGS, TOWNLET, RunProcess

BRIEF = (
    "world.step_cap=50",
    "replay.min_size_to_sample=200",
    "learner.max_updates=10",
    "learner.batch_size=16",
    "learner.batches_per_request=1",
    "learner.save_period_s=1",
    "evaluation.enabled=false",
    "actor.lanes=4",
    "actor.part_length=32",
)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("config", "module"),
    [
        ("cartpole.yaml", "gymnasium"),
        ("minigrid_memory.yaml", "minigrid"),
        ("popgym_repeat_previous.yaml", "popgym"),
        ("atari_pong.yaml", "ale_py"),
    ],
)
def test_a_shipped_configuration_trains(short_folder, config, module):
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{config} needs {module}; pip install 'townlet[dev]' brings it")
    with RunProcess(short_folder, config, *BRIEF) as run:
        assert run.wait(100) == 0, run.output
        result = json.loads(run.folder.result.read_text())
        assert result["updates"] == 10


@pytest.mark.timeout(300)
def test_a_failing_environment_is_counted_and_the_run_goes_on(short_folder):
    (short_folder / "frail.py").write_text(
        "import gymnasium\n"
        "from gymnasium.envs.classic_control import CartPoleEnv\n"
        "class Frail(CartPoleEnv):\n"
        "    def step(self, action):\n"
        "        if self.np_random.random() < 0.003:\n"
        "            raise RuntimeError('it broke')\n"
        "        return super().step(action)\n"
        "gymnasium.register('Frail-v0', Frail, max_episode_steps=100)\n"
    )
    world = "{kind: gymnasium, id: frail:Frail-v0, workers: 2, step_timeout_s: 5.0}"
    settings = ("evaluation.goal=null", "evaluation.episodes=4", "evaluation.period_updates=50")
    with RunProcess(short_folder, "cartpole.yaml", f"world={world}", *settings, cwd=short_folder) as run:
        run.wait_for(
            "dropped and finished episodes",
            lambda: (status := run.status()) and status.dropped_episodes > 2 and status.updates and status.evaluations,
        )
        run.wait_for_output("dropped [1-9]")
        assert run.account().mean_return > 0
        failures = [entry for entry in run.log("actor-0") if entry["event"] == "environment_replaced"]
        assert "RuntimeError: it broke (" in failures[0]["reason"]
    found = json.loads(townlet("evaluate", str(run.folder.path), "--episodes", "10", "--json", cwd=short_folder))
    shown = townlet("watch", str(run.folder.path), "--episodes", "1", "--seed", "1", cwd=short_folder)
    assert re.search(r"^step 0 action \d q \[\S+ \S+\] reward 1 · observation \[", shown)
    assert re.search(r"(terminated|truncated) after \d+ steps, return ", shown)
    low, high = found["return_interval_95"]
    assert low <= found["mean_return"] <= high
    assert list(found["baselines"]) == ["random"]


@pytest.mark.timeout(480)
def test_the_page_about_ones_own_environment_can_be_followed_to_the_end(short_folder):
    page = (CONFIGS.parent / "docs" / "your_own_environment.md").read_text()
    for name, language in (("my_environments.py", "python"), ("corridor.yaml", "yaml")):
        (short_folder / name).write_text(re.search(rf"```{language}\n(.*?)```", page, re.DOTALL)[1])
    said = townlet("config", "check", "corridor.yaml", cwd=short_folder)
    assert said.startswith("corridor.yaml: good. my_environments:WindyCorridor-v0 world")
    with RunProcess(short_folder, str(short_folder / "corridor.yaml"), cwd=short_folder) as run:
        assert run.wait(420) == 0, run.output
        assert "goal reached after" in run.output


@pytest.mark.timeout(60)
def test_an_environment_that_is_not_there_is_refused_before_anything_starts(short_folder):
    with RunProcess(short_folder, "cartpole.yaml", "world.id=CartPol-v1") as run:
        assert run.wait(50) == 2
        assert run.output.startswith("townlet: world.id: expected a registered environment, found CartPol-v1; did you")
        assert not run.folder.path.exists()
    done = subprocess.run(
        [TOWNLET, "config", "check", str(CONFIGS / "cartpole.yaml"), "--set", "world.id=CartPol-v1"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (2, run.output)


def townlet(*arguments: str, cwd=None) -> str:
    done = subprocess.run([TOWNLET, *arguments], check=True, capture_output=True, text=True, timeout=60, cwd=cwd)
    return done.stdout
