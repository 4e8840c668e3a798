"""Q-learning on batches: against torch's own optimiser and an exactly solvable problem."""

import copy

import pytest
import torch
from small_learner import LOSS, make_batch, make_learning, parameters

from learner.batch import Batch
from learner.update import QLearning
from townlet.errors import NumericalError
from townlet.learner_settings import CopySettings, LearnerSettings, PolyakSettings
from townlet.networks.build import build_network
from townlet.networks.settings import MlpQSettings
from townlet.specs import EnvironmentSpec, FieldSpec


def test_an_update_is_torchs_own_adam_with_clipping():
    learning = make_learning(max_gradient_norm=0.5, learning_rate=1e-2)
    twin, target = copy.deepcopy(learning.online_network), copy.deepcopy(learning.target_network)
    optimiser = torch.optim.Adam(twin.parameters(), lr=1e-2)
    for seed in range(5):
        batch = make_batch(seed=seed)
        loss = LOSS(twin, target, batch).value
        optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(twin.parameters(), 0.5)
        optimiser.step()
        target.load_state_dict(
            {
                name: value.lerp(twin.state_dict()[name], learning._settings.target.tau)
                for name, value in target.state_dict().items()
            }
        )
        update = learning.update(batch)
        assert update.loss == pytest.approx(loss.item(), rel=1e-5)
        assert update.gradient_norm == pytest.approx(norm.item(), rel=1e-5)
    torch.testing.assert_close(parameters(learning.online_network), parameters(twin), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(parameters(learning.target_network), parameters(target), atol=1e-6, rtol=1e-5)


def test_priorities_are_the_absolute_td_errors():
    learning, batch = make_learning(), make_batch()
    td_error = LOSS(learning.online_network, learning.target_network, batch).priorities
    torch.testing.assert_close(learning.update(batch).priorities, td_error.abs())


def test_the_target_copies_every_period_and_not_between():
    learning = make_learning(target=CopySettings(period_updates=3))
    at_start = parameters(learning.target_network)
    learning.update(make_batch())
    learning.update(make_batch())
    assert torch.equal(parameters(learning.target_network), at_start)
    learning.update(make_batch())
    assert torch.equal(parameters(learning.target_network), parameters(learning.online_network))


def test_the_averaged_network_follows_slowly():
    learning = make_learning(averaging=0.9)
    for seed in range(200):
        learning.update(make_batch(seed=seed))
    expected, online = parameters(learning.averaged_network), parameters(learning.online_network)
    learning.update(make_batch(seed=999))
    online = parameters(learning.online_network)
    torch.testing.assert_close(parameters(learning.averaged_network), expected.lerp(online, 0.1))


def test_a_masked_action_never_sets_the_target():
    learning, batch = make_learning(), make_batch()
    with torch.no_grad():
        best = learning.online_network(batch.next_observation).argmax(dim=1)
    mask = torch.ones(16, 3, dtype=torch.bool).scatter(1, best[:, None], False)
    masked = Batch(**{**vars(batch), "next_action_mask": mask})
    free = LOSS(learning.online_network, learning.target_network, batch).priorities
    bound = LOSS(learning.online_network, learning.target_network, masked).priorities
    assert not torch.equal(free, bound)


def test_it_finds_the_value_of_a_chain_of_certain_rewards():
    """Reward 1 at each step and discount 0.9 for ever: the value is 10."""
    spec = EnvironmentSpec((FieldSpec("nothing", "float32", (1,)),), 2, 10)
    torch.manual_seed(0)
    learning = QLearning(
        build_network(MlpQSettings(hidden=(16,)), spec),
        LearnerSettings(learning_rate=1e-2, target=PolyakSettings(tau=0.05)),
        LOSS,
    )
    zeros = {"nothing": torch.zeros(32, 1)}
    for seed in range(1500):
        batch = make_batch(32, seed, reward=1.0, spec=spec)
        learning.update(Batch(**{**vars(batch), "observation": zeros, "next_observation": zeros}))
    assert learning.target_network(zeros).mean().item() == pytest.approx(10.0, abs=0.3)


def test_a_loss_that_is_not_finite_is_refused_and_changes_nothing():
    learning = make_learning()
    learning.update(make_batch())
    before = parameters(learning.online_network)
    with pytest.raises(NumericalError, match="update 2: expected a finite loss and gradient, found loss nan"):
        learning.update(make_batch(reward=float("nan")))
    assert torch.equal(parameters(learning.online_network), before)
    assert learning.updates == 1


def test_a_learning_rate_that_is_steered_is_that_of_the_next_update():
    steered, other = make_learning(learning_rate=1e-2), make_learning(learning_rate=1e-2)
    steered.update(make_batch(seed=1))
    other.update(make_batch(seed=1))
    before = parameters(other.online_network)
    steered.steer(LearnerSettings(learning_rate=1e-3), None)
    for learning in (steered, other):
        learning.update(make_batch(seed=2))
    moved, further = (parameters(each.online_network) - before for each in (steered, other))
    torch.testing.assert_close(10.0 * moved, further, rtol=1e-3, atol=1e-6)
