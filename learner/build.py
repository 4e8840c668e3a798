"""Settings -> the parts of a learner."""

import threading

import numpy as np
import torch

from learner.assembly import Assembly
from learner.batch import TransitionWindows
from learner.compilation import compiled
from learner.curiosity import Curiosity
from learner.intrinsic_weight import IntrinsicWeight
from learner.loss import LossOf, SequenceLoss, TransitionLoss
from learner.ranks import Ranks
from learner.round_batches import RoundBatches
from learner.round_shards import RoundShards
from learner.sample_client import SampleClient
from learner.sequences import SequenceWindows
from learner.shards import Shards
from learner.share import ShareCodec
from townlet.config import Config
from townlet.lifecycle import address_of
from townlet.networks.distillation import RandomDistillation
from townlet.records import RecordLayout
from townlet.replay_settings import PrioritizedSettings
from townlet.specs import EnvironmentSpec


def build_loss(config: Config) -> LossOf:
    """What the configured network minimises. Raises ConfigError when it is to be compiled and cannot be."""
    learner, sequence = config.learner, config.sequence
    loss: LossOf = TransitionLoss(learner.huber_delta, learner.value_rescaling)
    if sequence is not None:
        loss = SequenceLoss(learner.huber_delta, learner.value_rescaling, sequence.priority_eta, sequence.period)
    return compiled(loss, torch.device(learner.device)) if learner.compile else loss


def build_curiosity(
    config: Config, spec: EnvironmentSpec, device: torch.device, ranks: Ranks | None = None
) -> Curiosity | None:
    """What pays for novelty, with random parameters from torch's global generator; None without curiosity."""
    settings = config.curiosity
    if settings is None:
        return None
    weight = IntrinsicWeight(settings.weight, spec.step_cap)
    return Curiosity(RandomDistillation(settings, spec).to(device), settings, weight, ranks)


def build_windows(config: Config, layout: RecordLayout, spec: EnvironmentSpec) -> TransitionWindows | SequenceWindows:
    """What the configured network is trained on."""
    learner, sequence, memory = config.learner, config.sequence, config.memory
    if sequence is None or memory is None:
        return TransitionWindows(
            layout,
            n_step=learner.n_step,
            gamma=learner.gamma,
            reward_scale=learner.reward_scale,
            truncation_bootstraps=spec.truncation_bootstraps,
            curious=config.curiosity is not None,
        )
    return SequenceWindows(
        layout,
        memory,
        burn_in=sequence.burn_in,
        unroll=sequence.unroll,
        n_step=learner.n_step,
        gamma=learner.gamma,
        reward_scale=learner.reward_scale,
        truncation_bootstraps=spec.truncation_bootstraps,
        curious=config.curiosity is not None,
    )


def replay_addresses(config: Config) -> tuple[str, ...]:
    """Of all shards. Raises ConfigError when one cannot be dialled."""
    addresses = enumerate(config.replay.addresses)
    return tuple(address_of(address, f"replay.addresses[{shard}]") for shard, address in addresses)


def build_assembly(
    config: Config,
    layout: RecordLayout,
    spec: EnvironmentSpec,
    device: torch.device,
    generator: np.random.Generator,
    *,
    shared: bool = False,
) -> Assembly:
    """Makes the batches that the configured network is trained on. shared: among ranks."""
    windows, learner = build_windows(config, layout, spec), config.learner
    if shared:
        device = torch.device("cpu")  # whence each rank takes its share to where it learns
    return Assembly(windows, learner.batch_size, learner.importance_exponent, device, generator, shared=shared)


def build_share_codec(
    config: Config, layout: RecordLayout, spec: EnvironmentSpec, device: torch.device, ranks: int
) -> ShareCodec:
    """How shares of these batches travel."""
    return ShareCodec(build_windows(config, layout, spec), config.learner.batch_size // ranks, device)


def build_sample_client(
    config: Config, assembly: Assembly, generator: np.random.Generator, stop: threading.Event
) -> SampleClient:
    """Draws what the configured network is trained on. generator: of the draws of shards."""
    return SampleClient(
        Shards(replay_addresses(config), generator, config.security.tls),
        assembly,
        run=config.run.name,
        batches_per_request=config.learner.batches_per_request,
        prefetch_requests=config.learner.prefetch_requests,
        prioritized=isinstance(config.replay.sampler, PrioritizedSettings),
        stop=stop,
    )


def build_round_batches(config: Config, shards: RoundShards, assembly: Assembly) -> RoundBatches:
    """The same for lockstep."""
    return RoundBatches(
        shards,
        assembly,
        run=config.run.name,
        batches_per_request=config.learner.batches_per_request,
        prefetch_requests=config.learner.prefetch_requests,
        prioritized=isinstance(config.replay.sampler, PrioritizedSettings),
        updates_per_round=config.updates_per_round,
        min_size=config.replay.min_size_to_sample,
    )
