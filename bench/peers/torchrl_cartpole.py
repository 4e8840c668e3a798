"""Trains TorchRL's DQN on CartPole-v1, as its own example does (`sota-implementations/dqn`, `config_cartpole.yaml`).

For `bench.cartpole_race`, in an environment of its own (`make bench-peers`): it imports nothing of Townlet's. Only the
judge is not the example's, who evaluates more often than every 50,000 steps.
"""

import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictSequential
from torchrl.collectors import Collector
from torchrl.data import Composite, LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import RewardSum, StepCounter, TransformedEnv
from torchrl.envs.libs.gym import GymEnv
from torchrl.modules import MLP, EGreedyModule, QValueActor
from torchrl.objectives import DQNLoss, HardUpdate

from bench.peers.judge import Judge, told

STEPS = 500_100
"""All that the example takes."""
ROUND_STEPS = 1_000
"""Steps between two rounds of updates."""
ROUND_UPDATES = 100
RANDOM_STEPS = 10_000
"""Before the first update."""
EPSILON = {"eps_init": 1.0, "eps_end": 0.05, "annealing_num_steps": 250_000}
CELLS = [120, 84]
BUFFER_STEPS = 10_000
PREFETCHED_BATCHES = 10
BATCH_SIZE = 128
LEARNING_RATE = 2.5e-4
GAMMA = 0.99
TARGET_PERIOD_UPDATES = 50


class Training:
    """One agent, until the judge says that it plays well enough."""

    def __init__(self, seed: int, judge: Judge, steps: int) -> None:
        torch.manual_seed(seed)
        world = TransformedEnv(GymEnv("CartPole-v1"))
        world.append_transform(RewardSum())
        world.append_transform(StepCounter())
        world.set_seed(seed)
        action = world.action_spec
        mlp = MLP(
            in_features=world.observation_spec["observation"].shape[-1],
            out_features=action.space.n,
            num_cells=CELLS,
            activation_class=torch.nn.ReLU,
        )
        self._actor = QValueActor(module=mlp, spec=Composite(action=action), in_keys=["observation"])
        self._exploration = EGreedyModule(spec=self._actor.spec, **EPSILON)
        self._collector = Collector(
            world,
            TensorDictSequential(self._actor, self._exploration),
            frames_per_batch=ROUND_STEPS,
            total_frames=steps,
            init_random_frames=RANDOM_STEPS,
        )
        self._replay = TensorDictReplayBuffer(
            storage=LazyTensorStorage(BUFFER_STEPS), batch_size=BATCH_SIZE, prefetch=PREFETCHED_BATCHES
        )
        self._loss = DQNLoss(value_network=self._actor, loss_function="l2", delay_value=True)
        self._loss.make_value_estimator(gamma=GAMMA)
        self._target = HardUpdate(self._loss, value_network_update_interval=TARGET_PERIOD_UPDATES)
        self._optimiser = torch.optim.Adam(self._loss.parameters(), lr=LEARNING_RATE)
        self._judge = judge
        self.environment_steps = 0

    def run(self) -> None:
        """Train, and have it judged after each round of updates."""
        self._judge.start()
        for collected in self._collector:
            self._replay.extend(collected.reshape(-1))
            self._exploration.step(collected.numel())
            self.environment_steps += collected.numel()
            if self.environment_steps < RANDOM_STEPS:
                continue
            for _ in range(ROUND_UPDATES):
                self._update()
            self._collector.update_policy_weights_()
            if self._judge.judge(self._greedy):
                break
        self._collector.shutdown()

    def _update(self) -> None:
        loss = self._loss(self._replay.sample())["loss"]
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        self._target.step()

    @torch.no_grad()
    def _greedy(self, seen: object) -> object:
        observation = torch.as_tensor(seen)
        chosen = self._actor(TensorDict({"observation": observation}, batch_size=observation.shape[:1]))
        return chosen["action"].argmax(dim=-1).numpy()


def main() -> None:
    """Train and tell."""
    chosen = told(__doc__, steps=STEPS)
    judge = Judge(chosen.seed, chosen.goal)
    training = Training(chosen.seed, judge, chosen.steps)
    training.run()
    judge.tell(training.environment_steps)


if __name__ == "__main__":
    main()
