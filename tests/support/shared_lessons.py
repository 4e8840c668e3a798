"""Small trainings of every kind, by one rank or by several: all but the ranks is the same.

`python shared_lessons.py RANK RANKS FOLDER` has one rank take all of them, and writes what it found into the folder.
"""

import json
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from counting_world import SPEC, CountingWorld
from safetensors.torch import save_file

from actor.curiosity import arrived
from actor.episodes import EpisodeAccumulator
from learner.batch import Source, TransitionWindows
from learner.curiosity import Curiosity
from learner.first_rank import FirstRank
from learner.hand_outs import HandOuts
from learner.intrinsic_weight import IntrinsicWeight
from learner.loss import SequenceLoss, TransitionLoss
from learner.meeting import Groups, meet
from learner.other_rank import follow
from learner.rank_processes import Place
from learner.sequences import SequenceWindows
from learner.several import Several
from learner.share import ShareCodec, WholeBatch, undivided
from learner.state import tensors_of
from learner.update import QLearning
from protos import replay_pb2
from replay_service.arena import Arena, Slice
from replay_service.rate_limiter import RateLimiter
from replay_service.sampler.prioritized import PrioritizedSampler
from replay_service.table import Table
from townlet.curiosity import ConstantWeightSettings, RndSettings
from townlet.errors import NumericalError, RankError
from townlet.learner_settings import LearnerSettings
from townlet.networks.build import build_network
from townlet.networks.distillation import RandomDistillation
from townlet.networks.memory import Memory
from townlet.networks.settings import MlpQSettings, RecurrentMlpQSettings
from townlet.records import RecordLayout
from townlet.sample_call import Sampled
from townlet.specs import MemorySpec
from townlet.td import importance_weights

BATCH = 12
UPDATES = 30
CPU = torch.device("cpu")
MEMORY = MemorySpec(state_size=12, period=2)
OPTIONS = {"gamma": 0.9, "reward_scale": 0.1, "truncation_bootstraps": True}


@dataclass(frozen=True)
class Lesson:
    recurrent: bool
    curious: bool

    def windows(self) -> TransitionWindows | SequenceWindows:
        """Of episodes of one to nine steps: many a sequence has fewer real steps than it could."""
        if not self.recurrent:
            return TransitionWindows(RecordLayout.of(SPEC), n_step=3, curious=self.curious, **OPTIONS)
        layout = RecordLayout.of(SPEC, MEMORY)
        return SequenceWindows(layout, MEMORY, burn_in=2, unroll=4, n_step=2, curious=self.curious, **OPTIONS)

    def learning(self, ranks=None, hand_out=undivided, seed: int = 0, **settings) -> QLearning:
        torch.manual_seed(seed)
        network = RecurrentMlpQSettings(features=8, hidden=6) if self.recurrent else MlpQSettings(hidden=(16,))
        loss = SequenceLoss(1.0, False, 0.9, MEMORY.period) if self.recurrent else TransitionLoss(1.0, False)
        weight = ConstantWeightSettings(value=0.5)
        rnd = RndSettings(hidden=(16,), embedding=8, learning_rate=1e-3, weight=weight)
        curiosity = Curiosity(RandomDistillation(rnd, SPEC), rnd, IntrinsicWeight(weight, SPEC.step_cap), ranks)
        learner = LearnerSettings(**{"learning_rate": 1e-3, "max_gradient_norm": 0.5, **settings})
        return QLearning(
            build_network(network, SPEC), learner, loss, curiosity if self.curious else None, ranks, hand_out
        )


LESSONS = {
    "feed-forward": Lesson(recurrent=False, curious=False),
    "recurrent": Lesson(recurrent=True, curious=False),
    "curious": Lesson(recurrent=False, curious=True),
    "recurrent and curious": Lesson(recurrent=True, curious=True),
}


class Replay:
    """A prioritized table that holds the first steps of the counting world: what is drawn depends on every priority."""

    def __init__(self, lesson: Lesson) -> None:
        self.windows = lesson.windows()
        period = MEMORY.period if lesson.recurrent else 1
        generator = np.random.Generator(np.random.Philox(3))
        sampler = PrioritizedSampler(1000, 0.6, period)
        self._table = Table(
            Arena(1000, self.windows.layout.stride), sampler, RateLimiter(None, 1, 1.0), generator, period
        )
        self._live(CountingWorld([1, 4, 9], dying=(1,)), MEMORY if lesson.recurrent else None)

    def draw(self) -> WholeBatch:
        request = self.windows.request(BATCH)
        slices = [Slice(part.first, part.steps, part.offset, part.size) for part in request.slices]
        sample = self._table.sample(BATCH, request.window.before, request.window.after, slices)
        response = replay_pb2.SampleResponse(
            windows=BATCH,
            real_before=sample.real_before.astype("<u4").tobytes(),
            real_after=sample.real_after.astype("<u4").tobytes(),
            data=sample.data.tobytes(),
        )
        weights = importance_weights(torch.from_numpy(sample.probabilities), self._table.items, exponent=0.4)
        source = Source(sample.keys.astype(np.uint64), np.zeros(BATCH, np.int64))
        return WholeBatch(self.windows.read(Sampled.of(response), CPU), weights, source)

    def update_priorities(self, source: Source, priorities: torch.Tensor) -> None:
        self._table.update_priorities(source.keys.astype(np.int64), priorities.numpy())

    def _live(self, world: CountingWorld, memory_spec: MemorySpec | None) -> None:
        accumulator = EpisodeAccumulator(self.windows.layout, world.lanes, 50, CPU, memory_spec)
        view, memory = world.reset(), Memory.empty(world.lanes, MEMORY.state_size if memory_spec else 0, CPU)
        for at in range(60):
            action = torch.full((world.lanes,), at % 3)
            step = world.step(action)
            for part in accumulator.add(view, memory, action, step, arrived(step)["place"][:, 1].square()):
                self._table.insert(0, part.records)
            memory = memory.after(memory.state, action, step)
            view = step.view


def take(lesson: Lesson, learning: QLearning, *, divided: bool) -> dict[str, torch.Tensor]:
    """What was learned, and what was drawn for it. Half way the rates are steered."""
    replay, losses, keys = Replay(lesson), [], []
    for number in range(UPDATES):
        if number == UPDATES // 2:
            learning.steer(LearnerSettings(learning_rate=3e-3), RndSettings(learning_rate=3e-3))
        whole = replay.draw()
        batch = whole if divided else replay.windows.batch(whole.columns, whole.importance_weight, whole.source)
        update = learning.update(batch)
        replay.update_priorities(batch.source, update.priorities)
        losses.append([update.loss, update.mean_q, update.gradient_norm, update.novelty])
        keys.append(torch.from_numpy(whole.source.keys.astype(np.int64)))
    tensors = {name: value.clone() for name, value in tensors_of(learning).items()}
    return {**tensors, "losses": torch.tensor(losses), "priorities": update.priorities, "keys": torch.stack(keys)}


class Rank:
    """One rank that takes lessons with the others."""

    def __init__(self, place: Place, groups: Groups, stop: threading.Event) -> None:
        self._place = place
        self._groups = groups
        self._stop = stop

    def take(self, lesson: Lesson) -> dict[str, torch.Tensor]:
        """What the first rank found; nothing of the others. They begin with other networks."""
        codec = ShareCodec(lesson.windows(), BATCH // self._place.ranks, CPU)
        several = Several(self._groups, self._place, self._stop)
        hand_outs = HandOuts(self._groups, self._place, codec.size)
        if self._place.rank:
            follow(lesson.learning(several, seed=7), hand_outs, several, codec, starts_over=False)
            return {}
        with FirstRank(several, hand_outs, codec, threading.Event()) as first:
            learning = lesson.learning(several, first.hand_out)
            first.take_along(learning)
            found = take(lesson, learning, divided=True)
            first.compare(learning)
            return found

    def fail(self, rewards: float, **settings_of_others: float) -> str:
        """How two updates with such rewards end, when other ranks have other settings; the error's name and words."""
        lesson = LESSONS["feed-forward"]
        codec = ShareCodec(lesson.windows(), BATCH // self._place.ranks, CPU)
        several = Several(self._groups, self._place, self._stop)
        hand_outs = HandOuts(self._groups, self._place, codec.size)
        try:
            if self._place.rank:
                learning = lesson.learning(several, **settings_of_others)
                follow(learning, hand_outs, several, codec, starts_over=False)
            else:
                with FirstRank(several, hand_outs, codec, threading.Event()) as first:
                    learning = lesson.learning(several, first.hand_out)
                    first.take_along(learning)
                    whole = Replay(lesson).draw()
                    whole.columns[-2].fill_(rewards)
                    learning.update(whole)
                    first.compare(learning)
        except (NumericalError, RankError) as error:
            return f"{type(error).__name__}: {error}"
        return "nothing"


def main(rank: int, ranks: int, folder: Path) -> None:
    torch.set_num_threads(1)
    place, stop = Place(rank=rank, ranks=ranks, store=folder / "store"), threading.Event()
    with meet(place, CPU, "a digest", lambda: None, stop) as groups:
        mine = Rank(place, groups, stop)
        for name, lesson in LESSONS.items():
            if found := mine.take(lesson):
                save_file(found, folder / f"{name}.safetensors")
        failures = {"different": mine.fail(1.0, max_gradient_norm=1e-4), "stopped": stop.is_set()}
        if rank == ranks - 1:
            stop.set()  # as SIGTERM does
        mine.fail(1.0)
        failures |= {"told": stop.is_set(), "not a number": mine.fail(float("nan"))}
        (folder / f"failures-{rank}.json").write_text(json.dumps(failures))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
