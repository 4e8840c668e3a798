"""Composition root: settings -> objects -> main loop."""

import threading

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from learner.batch import TransitionWindows
from learner.curiosity import Curiosity
from learner.intrinsic_weight import IntrinsicWeight
from learner.keeper import Keeper
from learner.loop import learn
from learner.loss import SequenceLoss, TransitionLoss
from learner.meter import Meter
from learner.pause import Pause
from learner.resume import bring_shards_along, resume
from learner.sample_client import SampleClient
from learner.sequences import SequenceWindows
from learner.service import LearnerService
from learner.shards import Shards
from learner.state import capture
from learner.update import QLearning
from townlet.checkpoint.store import VersionStore
from townlet.config import Config, PrioritizedSettings
from townlet.lifecycle import address_of
from townlet.networks.build import build_network
from townlet.networks.distillation import RandomDistillation
from townlet.records import RecordLayout
from townlet.run_folder import RunFolder, write_json
from townlet.specs import EnvironmentSpec
from townlet.worlds.build import world_spec

SAMPLING_STREAM = 2**32
"""Sets the learner's draws of shards apart from the shards' own streams, which are numbered from 0."""


def run_learner(config: Config, stop: threading.Event) -> None:
    """Take up the run's state, serve its members, and learn."""
    torch.set_num_threads(config.learner.threads)
    torch.manual_seed(config.seed)
    spec = world_spec(config)
    layout = RecordLayout.of(spec, config.memory)
    device = torch.device(config.learner.device)
    folder = RunFolder(config.run.folder)

    network = build_network(config.network, spec).to(device)
    learning = QLearning(network, config.learner, build_loss(config), build_curiosity(config, spec, device))
    generator = np.random.Generator(np.random.Philox(key=(config.seed, SAMPLING_STREAM)))
    store = VersionStore(config.checkpoint.root or folder.versions)
    resumed = resume(store, config, layout.digest, learning, generator)
    if resumed is not None:
        bring_shards_along(resumed.manifest, config, stop)
    meter = Meter()
    scalars = SummaryWriter(str(folder.tensorboard))
    pause = Pause()
    service = LearnerService(config, layout.digest, learning, meter, scalars, resumed, stop, store, pause)
    keeper = Keeper(folder, config.digest(), config.learner.save_period_s)
    replay = sample_client(config, layout, spec, device, generator, stop)

    def stand_by() -> None:
        pause.between_updates(lambda: capture(learning, generator, service.books()))

    with service, replay:
        learn(
            learning,
            replay,
            service.publish,
            stand_by,
            keeper.save_when_due,
            meter,
            config.learner.publish_period_updates,
            config.learner.max_updates,
            stop,
        )
        service.make_last_version(stand_by)
        stop.set()
        keeper.save(learning)
        write_json(folder.result, {"updates": learning.updates, **service.result()})
    scalars.close()


def build_loss(config: Config) -> TransitionLoss | SequenceLoss:
    """What the configured network minimises."""
    learner, sequence = config.learner, config.sequence
    if sequence is None:
        return TransitionLoss(learner.huber_delta, learner.value_rescaling)
    return SequenceLoss(learner.huber_delta, learner.value_rescaling, sequence.priority_eta, sequence.period)


def build_curiosity(config: Config, spec: EnvironmentSpec, device: torch.device) -> Curiosity | None:
    """What pays for novelty, with random parameters from torch's global generator; None without curiosity."""
    settings = config.curiosity
    if settings is None:
        return None
    weight = IntrinsicWeight(settings.weight, spec.step_cap)
    return Curiosity(RandomDistillation(settings, spec).to(device), settings, weight)


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


def sample_client(
    config: Config,
    layout: RecordLayout,
    spec: EnvironmentSpec,
    device: torch.device,
    generator: np.random.Generator,
    stop: threading.Event,
) -> SampleClient:
    """Draws what the configured network is trained on. generator: of the draws of shards."""
    addresses = tuple(
        address_of(address, f"replay.addresses[{shard}]") for shard, address in enumerate(config.replay.addresses)
    )
    return SampleClient(
        Shards(addresses, generator),
        build_windows(config, layout, spec),
        run=config.run.name,
        batch_size=config.learner.batch_size,
        batches_per_request=config.learner.batches_per_request,
        prefetch_requests=config.learner.prefetch_requests,
        prioritized=isinstance(config.replay.sampler, PrioritizedSettings),
        importance_exponent=config.learner.importance_exponent,
        device=device,
        generator=generator,
        stop=stop,
    )
