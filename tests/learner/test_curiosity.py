"""The learner pays for novelty once, and gets used to what it is shown."""

import numpy as np
import pytest
import torch
from small_learner import make_batch, make_curiosity, make_curious, parameters

from learner.novelty import Novelty
from townlet.errors import NumericalError


def at_places(*places: float, raw: float = 1.0) -> Novelty:
    """Steps that led to these places."""
    place = torch.tensor([[1.0, each] for each in places])
    count = len(places)
    mark = torch.zeros(count, 1, dtype=torch.uint8)
    return Novelty(torch.full((count,), raw), torch.full((count,), raw), {"place": place, "mark": mark})


def test_novelty_is_paid_in_standard_deviations_times_the_weight():
    """Pitfall 5, by hand: reward + weight / std * raw, the raw novelty of all batches so far giving the std."""
    curiosity = make_curiosity(weight=0.5)
    raw = torch.tensor([1.0, 3.0, 5.0, 7.0])
    curiosity.learn(make_batch(4, novelty=Novelty(raw, raw, at_places(1, 2, 3, 4).observation)))
    batch = make_batch(4, reward=2.0, novelty=Novelty(raw, raw, at_places(1, 2, 3, 4).observation))
    paid = curiosity.pay(batch)
    assert paid.reward.tolist() == pytest.approx([2.0 + 0.5 / np.sqrt(5.0) * x for x in (1.0, 3.0, 5.0, 7.0)])
    assert batch.reward.tolist() == [2.0] * 4  # what was stored stays raw


def test_novelty_cannot_be_paid_twice():
    curiosity = make_curiosity()
    with pytest.raises(AssertionError, match="paid for already"):
        curiosity.pay(curiosity.pay(make_batch(2, novelty=at_places(1, 2))))


def test_an_update_pays_once_and_leaves_the_batch_as_it_was():
    learning, plain = make_curious(weight=0.5), make_curious(weight=0.0)
    novelty = at_places(*range(16), raw=3.0)
    by_hand = make_batch(reward=1.0 + 0.5 * 3.0, novelty=novelty)
    batch = make_batch(reward=1.0, novelty=novelty)
    assert learning.update(batch).loss == pytest.approx(plain.update(by_hand).loss, rel=1e-6)
    assert batch.reward.tolist() == [1.0] * 16


def test_novelty_falls_for_what_is_seen_again_and_stays_for_what_is_new():
    curiosity = make_curiosity(learning_rate=1e-3)
    known = make_batch(4, novelty=at_places(0.0, 1.0, 2.0, 3.0))
    new = {"place": torch.tensor([[1.0, -6.0]]), "mark": torch.tensor([[1]], dtype=torch.uint8)}
    first = curiosity.learn(known)
    before = curiosity.distillation(new).item()
    for _ in range(500):
        last = curiosity.learn(known)
    assert last < 0.02 * first
    assert curiosity.distillation(new).item() > 0.3 * before > 10 * last


def test_the_normalisers_see_every_step_of_every_batch_once():
    curiosity = make_curiosity()
    batches = [make_batch(8, seed, novelty=at_places(*range(seed, seed + 8), raw=seed + 1.0)) for seed in range(5)]
    for batch in batches:
        curiosity.learn(batch)
    places = np.concatenate([batch.novelty.observation["place"].numpy() for batch in batches])
    moments = curiosity.distillation.observations
    assert moments.count.item() == 40
    np.testing.assert_allclose(moments.mean[:2], places.mean(axis=0))
    np.testing.assert_allclose(moments.variance[:2], places.var(axis=0), atol=1e-12)
    raw = np.concatenate([batch.novelty.raw.numpy() for batch in batches])
    assert curiosity.distillation.novelty.deviation.item() == pytest.approx(raw.std(), rel=1e-6)


def test_the_fixed_embedding_never_moves():
    learning = make_curious()
    before = parameters(learning.curiosity.distillation.embedding)
    for seed in range(5):
        learning.update(make_batch(seed=seed, novelty=at_places(*range(16))))
    assert torch.equal(parameters(learning.curiosity.distillation.embedding), before)


def test_a_novelty_that_is_not_finite_is_refused():
    novelty = at_places(1.0, float("nan"))
    with pytest.raises(NumericalError, match="curiosity: expected a finite novelty, found nan"):
        make_curiosity().learn(make_batch(2, novelty=novelty))


def test_a_reward_that_is_not_finite_leaves_curiosity_as_it_was():
    learning = make_curious()
    batch = make_batch(reward=float("nan"), novelty=at_places(*range(16)))
    before = {name: value.clone() for name, value in learning.curiosity.tensors().items()}
    with pytest.raises(NumericalError):
        learning.update(batch)
    assert all(torch.equal(value, before[name]) for name, value in learning.curiosity.tensors().items())
