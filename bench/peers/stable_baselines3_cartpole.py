"""Trains stable-baselines3's DQN on CartPole-v1, tuned by RL Baselines3 Zoo.

For `bench.cartpole_race`, in an environment of its own (`make bench-peers`): it imports nothing of Townlet's.
"""

import gymnasium
from stable_baselines3 import DQN

from bench.peers.judge import Judge, told

STEPS = 50_000
"""For which it is tuned."""
ROUND_STEPS = 256
"""Updates are made once in so many steps."""
# The Zoo's hyperparameters for CartPole-v1, published with its agent: https://huggingface.co/sb3/dqn-CartPole-v1
TUNED = {
    "policy_kwargs": {"net_arch": [256, 256]},
    "learning_rate": 2.3e-3,
    "batch_size": 64,
    "buffer_size": 100_000,
    "learning_starts": 1_000,
    "gamma": 0.99,
    "target_update_interval": 10,
    "train_freq": ROUND_STEPS,
    "gradient_steps": 128,
    "exploration_fraction": 0.16,
    "exploration_final_eps": 0.04,
}
EVALUATION_PERIOD_STEPS = 4 * ROUND_STEPS


class Training:
    """One agent, until the judge says that it plays well enough."""

    def __init__(self, seed: int, judge: Judge) -> None:
        self.agent = DQN("MlpPolicy", gymnasium.make("CartPole-v1"), seed=seed, **TUNED)
        self._judge = judge

    def run(self, steps: int) -> None:
        """Train for the tuned number of steps, and where that was not enough for more, up to `steps`."""
        self._judge.start()
        self.agent.learn(min(STEPS, steps), callback=self._keep_going)
        if not self._judge.reached and steps > STEPS:
            self.agent.learn(steps - STEPS, callback=self._keep_going, reset_num_timesteps=False)

    def _keep_going(self, *_: object) -> bool:
        """Called after every step; evaluates after the first one that newly updated parameters have taken."""
        if self.agent.num_timesteps % EVALUATION_PERIOD_STEPS != 1:
            return True
        return not self._judge.judge(lambda seen: self.agent.predict(seen, deterministic=True)[0])


def main() -> None:
    """Train and tell."""
    chosen = told(__doc__, steps=2 * STEPS)
    judge = Judge(chosen.seed, chosen.goal)
    training = Training(chosen.seed, judge)
    training.run(chosen.steps)
    judge.tell(training.agent.num_timesteps)


if __name__ == "__main__":
    main()
