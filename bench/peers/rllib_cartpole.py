"""Trains RLlib's DQN, on its new API stack, on CartPole-v1, as its own example does (`algorithms/dqn/cartpole_dqn.py`).

For `bench.cartpole_race`, in an environment of its own (`make bench-peers`): it imports nothing of Townlet's. Only the
judge is not the example's, who looks at the mean return of training.
"""

import torch
from ray.rllib.algorithms.dqn import DQNConfig
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig

from bench.peers.judge import Judge, told

STEPS = 200_000
"""In which the example expects to get there."""
TRAINING = {
    "lr": 5e-4,
    "train_batch_size_per_learner": 32,
    "replay_buffer_config": {
        "type": "PrioritizedEpisodeReplayBuffer",
        "capacity": 50_000,
        "alpha": 0.6,
        "beta": 0.4,
    },
    "n_step": (2, 5),
    "double_q": True,
    "dueling": True,
    "epsilon": [(0, 1.0), (25_000, 0.02)],
}
NETWORK = {
    "fcnet_hiddens": [256],
    "fcnet_activation": "tanh",
    "fcnet_bias_initializer": "zeros_",
    "head_fcnet_hiddens": [256],
    "head_fcnet_bias_initializer": "zeros_",
}


class Training:
    """One agent, until the judge says that it plays well enough."""

    def __init__(self, seed: int, judge: Judge) -> None:
        config = DQNConfig().environment(env="CartPole-v1").training(**TRAINING)
        config = config.rl_module(model_config=DefaultModelConfig(**NETWORK)).debugging(seed=seed)
        self._algorithm = config.build_algo()
        self._judge = judge
        self.environment_steps = 0

    def run(self, steps: int) -> None:
        """Train for a thousand steps, or what an iteration takes, and have it judged, again and again."""
        self._judge.start()
        while self.environment_steps < steps:
            result = self._algorithm.train()
            self.environment_steps = int(result["env_runners"]["num_env_steps_sampled_lifetime"])
            if self._judge.judge(self._greedy):
                break

    def stop(self) -> None:
        """End its processes."""
        self._algorithm.stop()

    @torch.no_grad()
    def _greedy(self, seen: object) -> object:
        module = self._algorithm.get_module()
        return module.forward_inference({"obs": torch.as_tensor(seen)})["actions"].numpy()


def main() -> None:
    """Train and tell."""
    chosen = told(__doc__, steps=STEPS)
    judge = Judge(chosen.seed, chosen.goal)
    training = Training(chosen.seed, judge)
    training.run(chosen.steps)
    training.stop()
    judge.tell(training.environment_steps)


if __name__ == "__main__":
    main()
