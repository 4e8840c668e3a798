"""What is saved is everything, and what is damaged or foreign is refused before anything changes."""

import numpy as np
import pytest
import torch
from small_learner import make_batch, make_curious, make_learning, make_novelty, parameters

from learner.state import capture, take_up
from townlet.checkpoint.state import decode_state, encode_state
from townlet.errors import CheckpointError


def saved(learning, books=None):
    """As it comes back out of a version."""
    return decode_state(*encode_state(capture(learning, stream(3), books or {})), "test")


def stream(seed=1):
    return np.random.Generator(np.random.Philox(seed))


def test_a_restored_learner_makes_the_same_next_updates_in_every_tensor():
    """Pitfall 14 and 20: compare what follows, not a few values."""
    first = make_learning()
    for seed in range(10):
        first.update(make_batch(seed=seed))
    state = saved(first, {"policy_version": 4})
    second = make_learning()
    second.update(make_batch(seed=99))
    draws = stream()
    assert take_up(state, second, draws) == {"policy_version": 4}
    assert second.updates == 10
    assert draws.random() == stream(3).random()
    for seed in range(10, 20):
        mine, theirs = first.update(make_batch(seed=seed)), second.update(make_batch(seed=seed))
        assert mine.loss == theirs.loss
    for role in ("online_network", "target_network", "averaged_network"):
        assert torch.equal(parameters(getattr(first, role)), parameters(getattr(second, role))), role
    assert first.updates == second.updates == 20


def test_a_restored_curious_learner_is_the_same_in_every_tensor_of_its_curiosity():
    first = make_curious()
    for seed in range(10):
        first.update(make_batch(seed=seed, novelty=make_novelty(seed)))
    state = saved(first)
    second = make_curious()
    second.update(make_batch(seed=99, novelty=make_novelty(99)))
    take_up(state, second, stream())
    for seed in range(10, 20):
        batch = make_batch(seed=seed, novelty=make_novelty(seed))
        mine, theirs = first.update(batch), second.update(batch)
        assert (mine.loss, mine.novelty) == (theirs.loss, theirs.novelty)
    assert torch.equal(parameters(first.online_network), parameters(second.online_network))
    theirs = second.curiosity.tensors()
    assert theirs.keys() >= {"embedding.0.weight", "predictor.0.weight", "novelty.count", "optimiser.exp_avg_sq"}
    for name, value in first.curiosity.tensors().items():
        assert torch.equal(value, theirs[name]), name


def test_what_was_captured_is_not_written_to_by_later_updates():
    learning = make_learning()
    state = capture(learning, stream(), {})
    before = encode_state(state)
    learning.update(make_batch(seed=1))
    assert encode_state(state) == before


def test_a_state_without_curiosity_is_no_state_of_a_curious_learner():
    learning = make_curious()
    before = parameters(learning.online_network)
    with pytest.raises(CheckpointError, match=r"saved learner: curiosity\.\S+ is missing"):
        take_up(saved(make_learning()), learning, stream())
    assert torch.equal(parameters(learning.online_network), before)
