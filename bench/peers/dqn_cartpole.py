"""Trains stable-baselines3's DQN on CartPole-v1, tuned by RL Baselines3 Zoo, and prints one line of JSON.

For `bench.cartpole_race`, in an environment of its own (`make bench-peers`): it imports nothing of Townlet's.
"""

import argparse
import json
import time

import gymnasium
from stable_baselines3 import DQN
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

STEPS = 50_000
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
EVALUATION_EPISODES = 20


class Training:
    """One agent, until it plays well enough. goal: the mean return of greedy episodes that ends the training."""

    def __init__(self, seed: int, goal: float) -> None:
        self.agent = DQN("MlpPolicy", gymnasium.make("CartPole-v1"), seed=seed, **TUNED)
        self._world = Monitor(gymnasium.make("CartPole-v1"))
        self._world.reset(seed=seed)
        self._goal = goal
        self.reached = False
        self.mean_return = 0.0
        self.evaluation_s = 0.0

    def run(self) -> None:
        """Train for the tuned number of steps, and where that was not enough for as many again."""
        self.agent.learn(STEPS, callback=self._keep_going)
        if not self.reached:
            self.agent.learn(STEPS, callback=self._keep_going, reset_num_timesteps=False)

    def _keep_going(self, *_: object) -> bool:
        """Called after every step; evaluates after the first one that newly updated parameters have taken."""
        if self.agent.num_timesteps % EVALUATION_PERIOD_STEPS == 1:
            began = time.perf_counter()
            self.mean_return, _ = evaluate_policy(self.agent, self._world, n_eval_episodes=EVALUATION_EPISODES)
            self.evaluation_s += time.perf_counter() - began
            self.reached = self.mean_return >= self._goal
        return not self.reached


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--goal", type=float, default=475.0, help="mean return of greedy episodes")
    chosen = parser.parse_args()
    training = Training(chosen.seed, chosen.goal)
    training.run()
    found = {
        "reached": bool(training.reached),
        "ended_at": time.time(),
        "evaluation_s": training.evaluation_s,
        "environment_steps": training.agent.num_timesteps,
        "mean_return": float(training.mean_return),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
