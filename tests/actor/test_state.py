"""An actor that was captured and taken up lives on as the one that was not."""

import pytest
import torch
from small_actor import KINDS, SmallActor

from townlet.checkpoint.state import decode_state, encode_state
from townlet.errors import CheckpointError


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [0, 1, 70, 333])
def test_an_actor_that_is_taken_up_lives_on_as_the_one_that_was_captured(kind, steps):
    actor, other = SmallActor(kind, seed=1), SmallActor(kind, seed=2)
    actor.world.reset()
    actor.adopt(7)
    actor.live(steps)
    saved = decode_state(*encode_state(actor.state.capture()), "test")
    other.state.take_up(saved)
    assert other.live(120) == actor.live(120)
    assert encode_state(other.state.capture()) == encode_state(actor.state.capture())
    assert other.agent.policy_version == 7


def test_what_was_captured_is_not_written_to_by_later_steps():
    actor = SmallActor("recurrent", seed=1)
    actor.world.reset()
    actor.adopt(7)
    actor.live(50)
    saved = actor.state.capture()
    before = encode_state(saved)
    actor.live(60)
    assert encode_state(saved) == before


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda saved: saved.pop("world"), "saved actor: world is missing"),
        (lambda saved: saved["agent"].pop("generator"), "saved agent: generator is missing"),
        (lambda saved: saved["agent"]["network"].popitem(), "saved agent: .* is missing"),
        (lambda saved: saved["agent"]["memory"].update(state=torch.zeros(1)), r"saved memory: state: expected float32"),
        (lambda saved: saved["episodes"].update(records=torch.zeros(1, 2)), r"saved episodes: records: expected uint8"),
        (lambda saved: saved["episodes"]["steps"].fill_(99), "saved episodes: steps: expected values from 0 to 39"),
        (lambda saved: saved["episodes"]["steps"].fill_(1), "saved episodes: records: expected 6 of them"),
        (lambda saved: saved["tally"].clear(), "saved tally: returns is missing"),
    ],
)
def test_what_is_no_actors_state_is_refused_by_name(damage, message):
    actor = SmallActor("recurrent", seed=1)
    actor.world.reset()
    actor.adopt(7)
    actor.live(20)
    saved = actor.state.capture()
    damage(saved)
    with pytest.raises(CheckpointError, match=message):
        SmallActor("recurrent", seed=2).state.take_up(saved)
