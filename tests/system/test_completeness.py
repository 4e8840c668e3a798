"""A version holds all that the future depends on: a twin that takes one up differs from the original in nothing else.

Whatever is added to an actor, the learner or a shard, and moves while it lives, must be saved or be named here with a
reason.
"""

import re

import numpy as np
import pytest
import torch
from leaves import differences
from small_actor import KINDS, SmallActor
from small_learner import make_batch, make_curious, make_novelty

from learner.head import Head
from learner.state import capture, take_up
from protos import control_pb2
from replay_service.arena import Arena, Slice
from replay_service.rate_limiter import RateLimiter
from replay_service.sampler.prioritized import PrioritizedSampler
from replay_service.sampler.uniform import UniformSampler
from replay_service.table import Table
from townlet.checkpoint.state import decode_state, encode_state

NOT_SAVED = {
    "actor": {
        r"\.episodes\._records": "beyond the steps of the running episodes nothing is read before it is written",
        r"\.world\._last": "how the last step came about, for those who look on; the next one does not ask",
        r"\.agent\._acting\._next_state": "made anew by each forward pass",
        r"\.config": "the kind's own",
        r"\.(books|tally\._reporter|schooling\._reporter)": "what was told counts where it was told",
    },
    "learner": {
        r".*\.gradients": "of one update: the next one begins with its own",
    },
    "table": {
        r"\._arena\._(bytes|since_start|until_end)": "only the positions held are read: they are compared by drawing",
        r"\._sampler\._is_item": "likewise",
    },
}


def through_a_version(state):
    return decode_state(*encode_state(state), "test")


def left_out(owner: str, one: object, other: object) -> list[str]:
    """What differs, and has no reason to."""
    return [path for path in differences(one, other) if not any(re.match(rule, path) for rule in NOT_SAVED[owner])]


def lived(kind: str, seed: int, steps: int) -> SmallActor:
    actor = SmallActor(kind, seed)
    actor.world.reset()
    actor.adopt(seed)
    actor.live(steps)
    return actor


@pytest.mark.parametrize("kind", KINDS)
def test_of_an_actor_everything_is_saved(kind):
    actor, twin = lived(kind, 1, 150), lived(kind, 2, 90)
    assert left_out("actor", actor, twin)
    twin.state.take_up(through_a_version(actor.state.capture()))
    assert left_out("actor", actor, twin) == []


def test_something_new_that_moves_is_noticed():
    actor, twin = lived("recurrent", 1, 30), lived("recurrent", 1, 30)
    for each, seed in ((actor, 1), (twin, 2)):
        each.agent.whim = torch.Generator().manual_seed(seed)
        each.world.mood = torch.nn.Linear(1, 1)
        each.episodes.pride = seed
    twin.state.take_up(through_a_version(actor.state.capture()))
    found = " ".join(left_out("actor", actor, twin))
    assert all(name in found for name in ("agent.whim (generator)", "world.mood.weight", "episodes.pride"))


def learned(updates: int, seed: int):
    learning = make_curious()
    for at in range(updates):
        learning.update(make_batch(seed=seed + at, novelty=make_novelty(seed + at)))
    return learning


def test_of_the_learner_everything_is_saved():
    learning, twin = learned(7, seed=1), learned(3, seed=50)
    streams = [np.random.Generator(np.random.Philox(seed)) for seed in (1, 2)]
    streams[0].random(5)
    assert left_out("learner", learning, twin)
    take_up(through_a_version(capture(learning, streams[0], {})), twin, streams[1])
    assert left_out("learner", (learning, streams[0]), (twin, streams[1])) == []
    assert left_out("learner", learning, twin) == []


def test_of_the_books_everything_is_saved():
    head = Head()
    join = control_pb2.JoinRequest(role=control_pb2.ROLE_ACTOR, member="a", incarnation="x", lanes=4)
    head.join(join, 1.0)
    episodes = [control_pb2.EpisodeSummary(number=at, steps=at + 3, extrinsic_return=0.5) for at in range(4)]
    change = control_pb2.StageChange(number=0, from_stage=0, to_stage=1)
    evaluation = control_pb2.Evaluation(updates=5, mean_survival=3.0)
    report = control_pb2.ReportRequest(
        **{"member": "a", "incarnation": "x", "environment_steps": 40, "lanes_at_stage": [1, 3]},
        episodes=episodes,
        stage_changes=[change],
        evaluations=[evaluation],
    )
    head.report(report, 2.0)
    head.report_stages(report)
    head.acknowledge({"a": 3})
    twin = Head.from_state(through_a_version({"books": head.state(2.0)})["books"], 2.0)
    assert [path for path in differences(head, twin) if "_heard_s" not in path] == []


@pytest.mark.parametrize("sampler", [UniformSampler, lambda capacity: PrioritizedSampler(capacity, 0.6)])
def test_of_a_shard_everything_is_saved(sampler):
    def make() -> Table:
        limiter = RateLimiter(None, 1, 1.0)
        return Table(Arena(60, 3), sampler(60), limiter, np.random.Generator(np.random.Philox(1)))

    def records(number: int) -> bytes:
        return bytes([number] * 3 * (3 + number % 5))

    table, twin = make(), make()
    for number in range(30):
        table.insert(number, records(number))
        sample = table.sample(4, 1, 2, [Slice(0, 3, 0, 3)])
        table.update_priorities(sample.keys, np.random.default_rng(number).random(4, np.float32))
    held = table.held()[0].tolist()
    twin.load_state(through_a_version({"table": table.state()})["table"], [records(number) for number in held])
    assert table.total_weight == twin.total_weight  # sums are added up when somebody asks
    assert left_out("table", table, twin) == []
    for _ in range(20):
        mine, theirs = (each.sample(8, 2, 3, [Slice(0, 5, 0, 3)]) for each in (table, twin))
        assert (mine.data.tobytes(), mine.probabilities.tobytes()) == (
            theirs.data.tobytes(),
            theirs.probabilities.tobytes(),
        )
