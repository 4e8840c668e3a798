"""Trains Sample Factory's APPO on CartPole-v1, as its own example does (`sf_examples/train_gym_env.py`).

For `bench.cartpole_race`, in an environment of its own (`make bench-peers`): it imports nothing of Townlet's. Only the
device is not the example's, and the judge, for whom the parameters are saved every second: it looks at them beside the
training, and counts the time until they were saved.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import gymnasium
import torch
from sample_factory.algo.learning.learner import Learner
from sample_factory.algo.runners.runner import AlgoObserver
from sample_factory.cfg.arguments import parse_full_cfg, parse_sf_args
from sample_factory.envs.env_utils import register_env
from sample_factory.model.actor_critic import create_actor_critic
from sample_factory.model.model_utils import get_rnn_size
from sample_factory.train import make_runner

from bench.peers.judge import Judge, told

STEPS = 2_000_000
EXAMPLE = (
    *("--env=CartPole-v1", "--algo=APPO", "--use_rnn=False", "--num_envs_per_worker=20", "--recurrence=1"),
    *("--policy_workers_per_policy=2", "--with_vtrace=False", "--batch_size=512", "--reward_scale=0.1"),
    *("--experiment_summaries_interval=10", "--experiment=example_gym_cartpole-v1"),
)
OURS = ("--device=cpu", "--save_every_sec=1")
FIRST_STEP = "first_step"


class Timed(gymnasium.Wrapper):
    """Leaves a file behind when it is the first to take a step; from then on steps cost nothing more."""

    def __init__(self, world: gymnasium.Env, folder: Path) -> None:
        super().__init__(world)
        self._folder = folder

    def step(self, action: Any) -> Any:
        """See `gymnasium.Env`."""
        first = self._folder / FIRST_STEP
        if not first.exists():
            first.touch()
        self.step = self.env.step  # type: ignore[method-assign]  # a check in every step would be timed
        return self.env.step(action)


def make_world(name: str, cfg: Any, _: Any = None, render_mode: str | None = None) -> gymnasium.Env:
    """As the example does."""
    return Timed(gymnasium.make(name, render_mode=render_mode), Path(cfg.train_dir))


class Beside(AlgoObserver):  # type: ignore[misc]  # no types are published
    """Looks at the newest parameters after each training step, and ends the training once they play well enough."""

    def __init__(self, cfg: Any, judge: Judge) -> None:
        world = gymnasium.make(cfg.env)
        seen = gymnasium.spaces.Dict({"obs": world.observation_space})
        self._cfg = cfg
        self._judge = judge
        self._network = create_actor_critic(cfg, seen, world.action_space)
        self._network.eval()
        self._newest = ""

    def on_training_step(self, runner: Any, training_iteration_since_resume: int) -> None:
        """See `AlgoObserver`."""
        del training_iteration_since_resume
        saved = Learner.get_checkpoints(Learner.checkpoint_dir(self._cfg, 0))
        if not saved or saved[-1] == self._newest:
            return
        self._newest = saved[-1]
        at = Path(self._newest).stat().st_mtime
        self._network.load_state_dict(Learner.load_checkpoint(saved, torch.device("cpu"))["model"])
        if self._judge.judge_beside(self._greedy, at):
            runner.cfg.train_for_env_steps = 0  # so that it ends at once

    @torch.no_grad()
    def _greedy(self, seen: Any) -> Any:
        normalised = self._network.normalize_obs({"obs": torch.as_tensor(seen)})
        chosen = self._network(normalised, torch.zeros(len(seen), get_rnn_size(self._cfg)))
        return chosen["action_logits"].argmax(dim=-1).numpy()


def main() -> None:
    """Train and tell."""
    chosen = told(__doc__, steps=STEPS)
    judge = Judge(chosen.seed, chosen.goal)
    register_env("CartPole-v1", make_world)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        words = [*EXAMPLE, *OURS, f"--train_dir={folder}", f"--seed={chosen.seed}"]
        words.append(f"--train_for_env_steps={chosen.steps}")
        parser, _ = parse_sf_args(argv=words)
        cfg, runner = make_runner(parse_full_cfg(parser, words))
        runner.register_observer(Beside(cfg, judge))
        runner.init()
        runner.run()
        judge.start((Path(folder) / FIRST_STEP).stat().st_mtime)
    if not judge.reached:
        judge.ended_at = time.time()
    judge.tell(sum(runner.env_steps.values()))


if __name__ == "__main__":
    main()
