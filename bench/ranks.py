"""Claim: at the same batch, two ranks on two cores make more updates than one on one, where an update is long.

Where it is short, as with small batches of single transitions, what the ranks say to each other takes longer.

The one sum of all gradients that an update makes is measured against DistributedDataParallel, which sums in buckets
during the backward pass. Both have the same shares, handed out in the same way, and the same optimiser's step.
"""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from bench.rounds import Case, Options, Ratio, calls_per_s, compare, options
from learner.batch import Batch, Source
from learner.build import build_loss, build_share_codec, build_windows
from learner.hand_outs import HandOuts, Kind, Message
from learner.meeting import meet
from learner.rank_processes import Place
from learner.sequences import SequenceBatch
from learner.several import Several
from learner.share import WholeBatch, one_window
from learner.update import QLearning
from townlet.arithmetic import calculate
from townlet.config import Config
from townlet.config_file import load_config
from townlet.networks.build import build_network
from townlet.records import RecordLayout
from townlet.worlds.build import world_spec

BATCHES = (
    ("configs/L1_full.yaml", "learner.batch_size=64"),
    ("configs/L2_recurrent.yaml", "learner.batch_size=32"),
    ("configs/L1_full.yaml", "learner.batch_size=1024"),
    ("configs/L2_recurrent.yaml", "learner.batch_size=128"),
)
RANKS = 2
CPU = torch.device("cpu")
OTHER = "--other-rank"
SUM, BUCKETS = 0, 1


class Weighed(nn.Module):
    """A network whose forward pass is its loss: DistributedDataParallel sees to nothing else."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.online = build_network(config.network, world_spec(config))
        self.target = build_network(config.network, world_spec(config)).requires_grad_(False)
        self._loss = build_loss(config)

    def forward(self, batch: Batch | SequenceBatch) -> Tensor:
        """The loss of a share."""
        value: Tensor = self._loss(self.online, self.target, batch).value
        return value


class Buckets:
    """What `QLearning.learn` does, by DistributedDataParallel."""

    def __init__(self, config: Config) -> None:
        self._module = Weighed(config)
        self._wrapped = DistributedDataParallel(self._module)
        self._parameters: list[Tensor] = list(self._module.online.parameters())
        self._targets: list[Tensor] = list(self._module.target.parameters())
        self._adam = torch.optim.Adam(self._parameters, lr=1e-4, fused=True)
        self._limit = config.learner.max_gradient_norm

    @torch.no_grad()
    def _follow(self) -> None:
        torch._foreach_lerp_(self._targets, self._parameters, 0.005)

    def learn(self, share: Batch | SequenceBatch) -> None:
        """One step."""
        self._adam.zero_grad()
        loss = self._wrapped(share)
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, self._limit)
        self._adam.step()
        self._follow()
        loss.item()


class Rank:
    """Both ways to learn from a share."""

    def __init__(self, config: Config, several: Several) -> None:
        self._ways: dict[int, Callable[[Batch | SequenceBatch, Message], object]] = {
            SUM: lambda share, message: self.flat.learn(share, message.rates),
            BUCKETS: lambda share, _: self._buckets.learn(share),
        }
        self.flat = make_learning(config, several)
        self._buckets = Buckets(config)

    def learn(self, share: Batch | SequenceBatch, message: Message) -> None:
        """In the way that the message says."""
        self._ways[message.value](share, message)


def make_learning(config: Config, several: Several | None = None) -> QLearning:
    """With the configured network."""
    network = build_network(config.network, world_spec(config))
    return QLearning(network, config.learner, build_loss(config), ranks=several)


def main() -> None:
    """Measure and print; or be the other rank of who does."""
    if OTHER in sys.argv:
        _, _, met_at, path, override = sys.argv
        take_part(Place(rank=1, ranks=RANKS, store=Path(met_at)), load_config(Path(path), [override]), None)
        return
    chosen = options(__doc__, batches=len(BATCHES))
    for path, override in BATCHES[: chosen.batches]:
        with tempfile.TemporaryDirectory() as folder:
            store = Path(folder) / "store"
            command = [sys.executable, "-m", "bench.ranks", OTHER, str(store), path, override]
            other = subprocess.Popen(command, env={**os.environ, "GLOO_SOCKET_IFNAME": "lo"})
            os.environ["GLOO_SOCKET_IFNAME"] = "lo"
            take_part(Place(rank=0, ranks=RANKS, store=store), load_config(Path(path), [override]), chosen)
            other.wait()


def take_part(place: Place, config: Config, chosen: Options | None) -> None:
    """Each rank has a core to itself. chosen: of the first one, which measures."""
    calculate(threads=1)
    cores = sorted(os.sched_getaffinity(0))
    spec = world_spec(config)
    layout = RecordLayout.of(spec, config.memory)
    codec = build_share_codec(config, layout, spec, CPU, RANKS)
    with meet(place, CPU, config.digest(), lambda: None, threading.Event()) as groups:
        os.sched_setaffinity(0, [cores[place.rank % len(cores)]])
        hand_outs = HandOuts(groups, place, codec.size)
        rank = Rank(config, Several(groups, place, threading.Event()))
        nowhere = Source(np.empty(0, np.uint64), np.empty(0, np.int64))
        if chosen is None:
            while (received := hand_outs.receive())[0].kind == Kind.LEARN:
                rank.learn(codec.decode(received[1], nowhere), received[0])
            return
        windows, size = build_windows(config, layout, spec), config.learner.batch_size
        columns = [column.repeat_interleave(size, dim=0) for column in one_window(windows)]
        whole = WholeBatch(columns, torch.ones(size), nowhere)
        batch = windows.batch(columns, whole.importance_weight, nowhere)
        alone = make_learning(config)

        def together(way: int) -> None:
            message = Message(Kind.LEARN, way, rank.flat.rates())
            share = hand_outs.send(message, lambda each, into: codec.encode(whole, each, into))
            rank.learn(codec.decode(share, nowhere), message)

        cases = [
            Case("one rank", "updates/s", lambda: calls_per_s(lambda: alone.update(batch), chosen.seconds)),
            Case("two ranks", "updates/s", lambda: calls_per_s(lambda: together(SUM), chosen.seconds)),
            Case("two, in buckets", "updates/s", lambda: calls_per_s(lambda: together(BUCKETS), chosen.seconds)),
        ]
        ratios = [Ratio("two / one", "two ranks", "one rank"), Ratio("sum / buckets", "two ranks", "two, in buckets")]
        compare(f"{config.network.kind}, batches of {size}", cases, ratios, chosen)
        hand_outs.send(Message(Kind.LEAVE))


if __name__ == "__main__":
    main()
