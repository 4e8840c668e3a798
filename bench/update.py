"""Claim: the learner's update is at least 1.5 times as fast as the plain loop: compiled, or in bfloat16 if recurrent.

A feed-forward one is compiled at least 1.8 times as fast, else 1.4 times. A recurrent one is hardly faster in float32:
nearly all its time goes into products, convolutions and LSTM layers of the same sizes on both sides (and torch does not
compile an LSTM). They alone are measured beside, on a CPU: their part of the plain loop's time, as torch's profiler
tells it. No update that calculates with the same numbers is faster. In bfloat16 products take half as long on a CPU
that has them (avx512_bf16 or AMX among its flags), and longer on others.
The plain loop is what one writes first: torch.optim.Adam over the parameters, clip_grad_norm_, and a loop over all
parameters for the target and one for the averaged network. Networks, loss and batch are the same, on one thread, or
where the environment says: TOWNLET__LEARNER__DEVICE=cuda TOWNLET__LEARNER__PRECISION=bfloat16 concerns our own update,
and the device both.
"""

import copy
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from bench.rounds import Case, Options, Ratio, calls_per_s, compare, options
from bench.services import make_episode
from learner.batch import Batch, Source
from learner.build import build_loss, build_windows
from learner.compilation import compiled
from learner.sequences import SequenceBatch
from learner.update import QLearning
from protos import replay_pb2
from replay_service.arena import Arena, Slice
from replay_service.rate_limiter import RateLimiter
from replay_service.sampler.uniform import UniformSampler
from replay_service.table import Table
from townlet.arithmetic import calculate
from townlet.config import Config
from townlet.config_file import load_config
from townlet.errors import ConfigError
from townlet.learner_settings import PolyakSettings
from townlet.networks.build import build_network
from townlet.records import RecordLayout
from townlet.sample_call import Sampled
from townlet.worlds.build import world_spec

CONFIGS = (Path("configs/L1_full.yaml"), Path("configs/L2_recurrent.yaml"), Path("configs/cartpole.yaml"))
EPISODES = 16
PROFILED = 20
"""Updates: the profiler takes long to add up what it has seen."""
PRODUCTS = {
    *("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm"),
    *("aten::mkldnn_convolution", "aten::convolution_backward"),
    *("aten::mkldnn_rnn_layer", "aten::mkldnn_rnn_layer_backward"),
}
"""What torch calls them."""


class PlainLoop:
    """The same update without flat parameters."""

    def __init__(self, config: Config, network: nn.Module) -> None:
        settings = config.learner
        self._settings = settings
        self._loss = build_loss(config)
        self._online = network
        self._target = copy.deepcopy(network).requires_grad_(False)
        self._averaged = copy.deepcopy(network).requires_grad_(False)
        self._adam = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, eps=settings.adam_epsilon)

    def update(self, batch: Batch | SequenceBatch) -> tuple[torch.Tensor, float, float, float]:
        """Priorities, loss, mean Q and gradient norm: what `QLearning.update` tells."""
        loss = self._loss(self._online, self._target, batch)
        self._adam.zero_grad()
        loss.value.backward()  # type: ignore[no-untyped-call]  # torch's own
        norm = nn.utils.clip_grad_norm_(self._online.parameters(), self._settings.max_gradient_norm)
        self._adam.step()
        target = self._settings.target
        with torch.no_grad():
            for mine, online in zip(self._target.parameters(), self._online.parameters(), strict=True):
                if isinstance(target, PolyakSettings):
                    mine.lerp_(online, target.tau)
            for mine, online in zip(self._averaged.parameters(), self._online.parameters(), strict=True):
                mine.lerp_(online, 1.0 - self._settings.averaging)
        return loss.priorities, loss.value.item(), loss.mean_q.item(), norm.item()


def main() -> None:
    """Measure and print."""
    chosen = options(__doc__)
    calculate(threads=1)
    for path in CONFIGS:
        measure(path, chosen)


def measure(path: Path, chosen: Options) -> None:
    """Both loops with the configured network, on one batch."""
    config = load_config(path, [], os.environ)
    network = build_network(config.network, world_spec(config)).to(config.learner.device)
    plain = PlainLoop(config, copy.deepcopy(network))
    batch = batch_in_memory(config)

    def case(name: str, loop: PlainLoop | QLearning) -> Case:
        loop.update(batch)  # what is compiled is so by then
        return Case(name, "updates/s", lambda: calls_per_s(lambda: loop.update(batch), chosen.seconds))

    ours, by_hand, made, rounded = "the learner's update", "the plain loop", "compiled", "in bfloat16"
    cases = [case(ours, QLearning(copy.deepcopy(network), config.learner, build_loss(config))), case(by_hand, plain)]
    ratios = [Ratio("ours / plain", ours, by_hand)]
    if config.sequence is None:
        try:
            loss = compiled(build_loss(config), torch.device(config.learner.device))
        except ConfigError as error:
            print(error)
        else:
            cases.append(case(made, QLearning(network, config.learner, loss)))
            ratios.append(Ratio("compiled / plain", made, by_hand))
    elif config.learner.device == "cpu":
        half = load_config(path, ["learner.precision=bfloat16"], os.environ).learner
        cases.append(case(rounded, QLearning(network, half, build_loss(config))))
        ratios.append(Ratio("in bfloat16 / plain", rounded, by_hand))
    if config.learner.device == "cpu":
        alone = "products alone"
        cases.append(Case(alone, "updates/s", lambda: products_per_s(lambda: plain.update(batch))))
        ratios.append(Ratio("products alone / plain", alone, by_hand))
    where = f"{config.learner.device}, {config.learner.precision}"
    compare(f"update: {path.stem}, batches of {config.learner.batch_size}, {where}", cases, ratios, chosen)


def products_per_s(update: Callable[[], object]) -> float:
    """How often a second there could be an update that were nothing but its products."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        for _ in range(PROFILED):
            update()
    taken_us: float = sum(each.self_cpu_time_total for each in found.key_averages() if each.key in PRODUCTS)
    return 1e6 * PROFILED / taken_us


def batch_in_memory(config: Config) -> Batch | SequenceBatch:
    """A batch of random observations, drawn as a shard would."""
    spec = world_spec(config)
    layout = RecordLayout.of(spec, config.memory)
    windows = build_windows(config, layout, spec)
    size, period = config.learner.batch_size, config.window_period
    request = windows.request(size)
    episodes = [make_episode(layout, seed) for seed in range(EPISODES)]
    capacity = sum(len(episode) for episode in episodes) // layout.stride
    generator = np.random.Generator(np.random.Philox(1))
    limiter = RateLimiter(samples_per_insert=None, min_size=1, tolerance=1.0)
    table = Table(Arena(capacity, layout.stride), UniformSampler(capacity, period), limiter, generator, period)
    for number, episode in enumerate(episodes):
        table.insert(number, episode)
    slices = [Slice(part.first, part.steps, part.offset, part.size) for part in request.slices]
    sample = table.sample(size, request.window.before, request.window.after, slices)
    answer = replay_pb2.SampleResponse(
        windows=size,
        real_before=sample.real_before.astype("<u4").tobytes(),
        real_after=sample.real_after.astype("<u4").tobytes(),
    )
    source = Source(sample.keys.astype(np.uint64), np.zeros(size, np.int64))
    device = torch.device(config.learner.device)
    columns = windows.read(Sampled(answer, sample.data.data), device)
    return windows.batch(columns, torch.ones(size, device=device), source)


if __name__ == "__main__":
    main()
