"""What is saved is everything, and what is damaged or foreign is refused before anything changes."""

import pytest
import torch
from small_learner import make_batch, make_curious, make_learning, make_novelty, parameters

from learner.state import load_state, save_state
from townlet.errors import CheckpointError, MismatchError


def test_a_restored_learner_makes_the_same_next_updates_in_every_tensor(tmp_path):
    """Pitfall 14 and 20: compare what follows, not a few values."""
    first = make_learning()
    for seed in range(10):
        first.update(make_batch(seed=seed))
    save_state(tmp_path / "state", first, {"config_digest": "d"})
    second = make_learning()
    second.update(make_batch(seed=99))
    assert load_state(tmp_path / "state", second, config_digest="d")["updates"] == 10
    for seed in range(10, 20):
        mine, theirs = first.update(make_batch(seed=seed)), second.update(make_batch(seed=seed))
        assert mine.loss == theirs.loss
    for role in ("online_network", "target_network", "averaged_network"):
        assert torch.equal(parameters(getattr(first, role)), parameters(getattr(second, role))), role
    assert first.updates == second.updates == 20


def test_a_restored_curious_learner_is_the_same_in_every_tensor_of_its_curiosity(tmp_path):
    first = make_curious()
    for seed in range(10):
        first.update(make_batch(seed=seed, novelty=make_novelty(seed)))
    save_state(tmp_path / "state", first, {"config_digest": "d"})
    second = make_curious()
    second.update(make_batch(seed=99, novelty=make_novelty(99)))
    load_state(tmp_path / "state", second, config_digest="d")
    for seed in range(10, 20):
        batch = make_batch(seed=seed, novelty=make_novelty(seed))
        mine, theirs = first.update(batch), second.update(batch)
        assert (mine.loss, mine.novelty) == (theirs.loss, theirs.novelty)
    assert torch.equal(parameters(first.online_network), parameters(second.online_network))
    theirs = second.curiosity.tensors()
    assert theirs.keys() >= {"embedding.0.weight", "predictor.0.weight", "novelty.count", "optimiser.exp_avg_sq"}
    for name, value in first.curiosity.tensors().items():
        assert torch.equal(value, theirs[name]), name


def test_a_state_without_curiosity_is_no_state_of_a_curious_learner(tmp_path):
    save_state(tmp_path / "state", make_learning(), {"config_digest": "d"})
    with pytest.raises(CheckpointError, match=r"tensor curiosity\.\S+ is missing"):
        load_state(tmp_path / "state", make_curious(), config_digest="d")


def test_another_configurations_state_is_refused(tmp_path):
    save_state(tmp_path / "state", make_learning(), {"config_digest": "mine"})
    with pytest.raises(MismatchError, match="expected the state of configuration other, found that of mine"):
        load_state(tmp_path / "state", make_learning(), config_digest="other")


@pytest.mark.parametrize("keep", [0, 1, 1000, -1])
def test_a_truncated_state_is_refused_and_the_learner_is_as_it_was(tmp_path, keep):
    path = tmp_path / "state"
    save_state(path, make_learning(), {"config_digest": "d"})
    path.write_bytes(path.read_bytes()[:keep])
    learning = make_learning()
    before = parameters(learning.online_network)
    with pytest.raises(CheckpointError, match=str(path)):
        load_state(path, learning, config_digest="d")
    assert torch.equal(parameters(learning.online_network), before)
