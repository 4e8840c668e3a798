"""The recurrent loss: against a walk that feeds one step after the other, and what must not matter."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from learner.batch import Source
from learner.loss import SequenceLoss
from learner.sequences import SequenceBatch
from learner.update import QLearning
from townlet.learner_settings import LearnerSettings
from townlet.networks.acting import ActingNetwork
from townlet.networks.build import build_network
from townlet.networks.memory import Inputs, Memory
from townlet.networks.settings import RecurrentMlpQSettings
from townlet.specs import EnvironmentSpec, FieldSpec
from townlet.td import rescale, unscale
from townlet.worlds.interface import Step, View

SPEC = EnvironmentSpec((FieldSpec("seen", "float32", (3,)),), actions=3, step_cap=100)
BURN_IN, UNROLL, N_STEP, BATCH = 3, 4, 2, 5
STEPS = BURN_IN + UNROLL + N_STEP
LOSS = SequenceLoss(huber_delta=1.0, value_rescaling=False, priority_eta=0.9, period=1)


def make_network(seed=0):
    torch.manual_seed(seed)
    return build_network(RecurrentMlpQSettings(features=8, hidden=6), SPEC)


def make_batch(seed=0) -> SequenceBatch:
    random = torch.Generator().manual_seed(seed)

    real_before, real_after = torch.tensor([0, 1, 3, 3, 2]), torch.tensor([6, 6, 2, 1, 5])
    steps = torch.arange(UNROLL)
    left = (real_after[:, None] - steps).clamp(0, N_STEP)
    return SequenceBatch(
        window=Inputs(
            {"seen": torch.randn(BATCH, STEPS, 3, generator=random)},
            torch.randint(4, (BATCH, STEPS), generator=random),
            torch.randn(BATCH, STEPS, generator=random),
        ),
        burn_in_real=torch.arange(-BURN_IN, 0) >= -real_before[:, None],
        state=torch.randn(BATCH, 12, generator=random),
        action_mask=torch.rand(BATCH, UNROLL + N_STEP, 3, generator=random) < 0.7,
        action=torch.randint(3, (BATCH, UNROLL), generator=random),
        reward=torch.randn(BATCH, UNROLL, generator=random),
        discount=0.9**left,
        bootstrap_step=torch.minimum(steps + N_STEP, real_after[:, None]),
        valid=real_after[:, None] > steps,
        importance_weight=torch.rand(BATCH, generator=random),
        source=Source(np.zeros(BATCH, np.uint64), np.zeros(BATCH, np.int64)),
    )


def walk(network, batch: SequenceBatch, row: int) -> list[torch.Tensor]:
    """Q of each unrolled step of one sequence, found by living through its real steps one at a time."""
    found, state, window, mine = [], batch.state[row : row + 1], batch.window, slice(row, row + 1)
    for at in range(STEPS):
        if at < BURN_IN and not batch.burn_in_real[row, at]:
            continue
        memory = Memory(state, window.previous_action[mine, at], window.previous_reward[mine, at])
        q, state = network.step({"seen": window.observation["seen"][mine, at]}, memory)
        if at >= BURN_IN:
            found.append(q[0])
    return found


@pytest.mark.parametrize("rescaling", [False, True])
@torch.no_grad()
def test_the_loss_is_what_a_walk_step_by_step_finds(rescaling):
    online, target, batch = make_network(0), make_network(1), make_batch()
    loss = replace(LOSS, value_rescaling=rescaling)(online, target, batch)
    total, count = 0.0, 0
    for row in range(BATCH):
        q, target_q = walk(online, batch, row), walk(target, batch, row)
        errors = []
        for at in range(UNROLL):
            if not batch.valid[row, at]:
                continue
            there = int(batch.bootstrap_step[row, at])
            best = q[there].masked_fill(~batch.action_mask[row, there], -torch.inf).argmax()
            value = target_q[there][best]
            reward, discount = batch.reward[row, at], batch.discount[row, at]
            goal = rescale(reward + discount * unscale(value)) if rescaling else reward + discount * value
            error = (q[at][batch.action[row, at]] - goal).abs().item()
            total += batch.importance_weight[row].item() * (0.5 * error**2 if error < 1.0 else error - 0.5)
            count += 1
            errors.append(error)
        expected = 0.9 * max(errors) + 0.1 * sum(errors) / len(errors)
        assert loss.priorities[row].item() == pytest.approx(expected, abs=1e-4)
    assert loss.value.item() == pytest.approx(total / count, abs=1e-5)


@torch.no_grad()
def test_burn_in_by_periods_is_burn_in_step_by_step():
    network, batch = make_network(), make_batch()
    real = torch.tensor([[False] * 4 + [True] * 2, [True] * 6, [False] * 6, [False] * 2 + [True] * 4, [True] * 6])
    moments = network.moments(batch.window.steps(BURN_IN, STEPS))
    by_steps = network.burn_in(moments, batch.state, real, 1)
    torch.testing.assert_close(network.burn_in(moments, batch.state, real, 2), by_steps)
    assert torch.equal(by_steps[2], batch.state[2])


def test_padding_touches_neither_loss_nor_gradient_nor_priorities():
    """Pitfall 4."""
    online, target, batch = make_network(0), make_network(1), make_batch()
    spoiled = make_batch()
    for column in (spoiled.window.observation["seen"], spoiled.window.previous_reward):
        column[:, :BURN_IN][~spoiled.burn_in_real] = 99.0
        column[2, BURN_IN + 3 :] = 99.0  # row 2 has two real steps and the final observation
    spoiled.reward[~spoiled.valid] = 1e6
    found = []
    for each in (batch, spoiled):
        online.zero_grad()
        loss = LOSS(online, target, each)
        loss.value.backward()
        found.append((loss, [p.grad.clone() for p in online.parameters()]))
    (clean, clean_gradients), (other, other_gradients) = found
    torch.testing.assert_close(clean.value, other.value)
    torch.testing.assert_close(clean.priorities, other.priorities)
    torch.testing.assert_close(clean_gradients, other_gradients)


def test_the_state_is_carried_so_early_steps_change_later_values():
    """Pitfall 1: were the state dropped, the order of early steps would not matter to the last one."""
    network, batch = make_network(), make_batch()
    moments = network.moments(batch.window.steps(BURN_IN, STEPS))
    q, _ = network.unroll(moments, batch.state)
    other, _ = network.unroll(moments[:, [1, 0, 2, 3, 4, 5]], batch.state)
    assert (q[:, -1] - other[:, -1]).abs().amin(dim=1).min() > 1e-6


def test_the_gradient_reaches_the_first_unrolled_step_and_not_the_burn_in():
    online, target, batch = make_network(0), make_network(1), make_batch()
    seen = batch.window.observation["seen"].requires_grad_()
    only_late = replace(batch, valid=batch.valid & (torch.arange(UNROLL) == 3))
    LOSS(online, target, only_late).value.backward()
    assert (seen.grad[0, BURN_IN].abs() > 0.0).all()
    assert (seen.grad[:, :BURN_IN] == 0.0).all()


def test_an_update_leaves_the_state_alone_that_an_actor_acts_with():
    """Pitfall 2."""
    network = make_network()
    acting = ActingNetwork(network, 2, torch.device("cpu"))
    view = View({"seen": torch.ones(2, 3)}, torch.ones(2, 3, dtype=torch.bool))
    nothing = torch.zeros(2, dtype=torch.bool)
    acting.q(view)
    acting.remember(torch.tensor([1, 2]), Step(view, torch.ones(2), nothing, nothing, None))
    before = acting.memory.state.clone()
    QLearning(network, LearnerSettings(), LOSS).update(make_batch())
    assert before.abs().max() > 0.0
    assert torch.equal(acting.memory.state, before)


@pytest.mark.parametrize("dropped", [None, torch.tensor([0])])
def test_a_lane_that_begins_anew_forgets_and_the_others_do_not(dropped):
    acting = ActingNetwork(make_network(), 2, torch.device("cpu"))
    view = View({"seen": torch.ones(2, 3)}, torch.ones(2, 3, dtype=torch.bool))
    ended = torch.tensor([dropped is None, False])
    acting.q(view)
    acting.remember(torch.tensor([1, 2]), Step(view, torch.ones(2), ended, ~ended & False, None, dropped))
    assert acting.memory.state[0].abs().max() == 0.0
    assert acting.memory.state[1].abs().max() > 0.0
    assert acting.memory.previous_action.tolist() == [0, 3]
    assert acting.memory.previous_reward.tolist() == [0.0, 1.0]


def test_cutting_the_state_leaves_what_was_done_and_earned_last():
    acting = ActingNetwork(make_network(), 2, torch.device("cpu"))
    view = View({"seen": torch.ones(2, 3)}, torch.ones(2, 3, dtype=torch.bool))
    nothing = torch.zeros(2, dtype=torch.bool)
    acting.q(view)
    acting.remember(torch.tensor([1, 2]), Step(view, torch.ones(2), nothing, nothing, None))
    acting.forget()
    assert acting.memory.state.abs().max() == 0.0
    assert acting.memory.previous_action.tolist() == [2, 3]
