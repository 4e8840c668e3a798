"""Claim: Townlet learns CartPole-v1 to a greedy mean return of 475 in less time than others, each at its best.

The others are stable-baselines3's DQN, tuned, in one process, TorchRL's DQN, and RLlib's. Each is set as its own
documentation says, see `bench/peers/`, and lives in an environment of its own; `make bench-peers` gets them. They race
in turn, alone on the machine, with the same seeds, one a round. The time runs from the first environment step to the
first evaluation, of twenty greedy episodes, that reaches the goal; what imports and services take to start is shown
beside. In the peers' favour, the time of their evaluations is taken off (Townlet's go on beside the training).
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.race import OURS, Finish, Racer, race, race_process, race_townlet, show
from bench.rounds import Options, options
from townlet.config_file import load_config

CONFIG = Path("configs/cartpole.yaml")
OVERRIDES = ("evaluation.goal.confirmations=0", "learner.max_updates=20000")
"""The first evaluation that reaches the goal counts; and where Townlet gives up."""


@dataclass(frozen=True)
class Peer:
    """Another learner, which ends by itself when it gives up. module: of bench.peers. environment: where it lives."""

    name: str
    module: str
    environment: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.environment / "bin" / "python"

    def race(self, seed: int, goal: float) -> Finish:
        """Its whole process, until the goal."""
        command = [str(self.python), "-m", f"bench.peers.{self.module}", "--seed", str(seed), "--goal", str(goal)]
        return race_process(command).without_evaluations()


PEERS = (
    Peer("stable-baselines3", "stable_baselines3_cartpole", Path(".venv-peers")),
    Peer("TorchRL", "torchrl_cartpole", Path(".venv-peers-torchrl")),
    Peer("RLlib", "rllib_cartpole", Path(".venv-peers-rllib")),
)


def main() -> None:
    """Race and print."""
    present = [peer for peer in PEERS if peer.python.exists()]
    if absent := [peer.name for peer in PEERS if peer not in present]:
        print(f"Not installed, `make bench-peers` gets them: {', '.join(absent)}.")
    measure(options(__doc__, rounds=3), present, *OVERRIDES)


def measure(chosen: Options, peers: list[Peer], *overrides: str) -> None:
    """Race against these peers, and print."""
    goal = load_config(CONFIG, overrides).evaluation.goal
    assert goal is not None
    racers: dict[str, Racer] = {OURS: lambda seed: race_townlet(CONFIG, seed, *overrides)}
    racers |= {peer.name: partial(peer.race, goal=goal.value) for peer in peers}
    title = f"CartPole-v1 to a mean return of {goal.value:g}"
    show(title, race(title, racers, chosen), chosen)


if __name__ == "__main__":
    main()
