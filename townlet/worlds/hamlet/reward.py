"""The rewards, by name: each gives float32 [L] from what a step did. L lanes.

Sums and products run meter by meter: a reduction kernel's order of additions may depend on the number of lanes.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from townlet.worlds.hamlet.difficulty import Terms
from townlet.worlds.hamlet.dynamics import Outcome, Rules
from townlet.worlds.hamlet.rules import DifficultySettings, HamletSettings, RewardName

Reward = Callable[[Outcome], Tensor]
"""The reward of each lane for the step just taken."""


def build_reward(settings: HamletSettings, rules: Rules, difficulties: Sequence[DifficultySettings] = ()) -> Reward:
    """The reward that the level names, or each difficulty for its lanes."""
    names = [each.reward or settings.reward for each in difficulties] or [settings.reward]
    reward = _named_reward(settings, rules, names[0])
    if len(set(names)) > 1:
        device, distinct = rules.grid.xy.device, list(dict.fromkeys(names))
        reward = partial(
            by_difficulty,
            rewards=tuple(_named_reward(settings, rules, name) for name in distinct),
            choice=torch.tensor([distinct.index(name) for name in names], device=device),
        )
    if any(each.use_rewards for each in difficulties):
        affordances = [*settings.affordance_names, None]
        use = [[each.use_rewards.get(name or "", 0.0) for name in affordances] for each in difficulties]
        reward = partial(with_use_rewards, reward=reward, use=torch.tensor(use, device=rules.grid.xy.device))
    return reward


def _named_reward(settings: HamletSettings, rules: Rules, name: RewardName) -> Reward:
    rewards, meters = settings.rewards, settings.meters
    match name:
        case "alive":
            return partial(alive, step=rewards.alive.step, death=rewards.alive.death)
        case "wellbeing":
            return partial(wellbeing, meters=rules.meters.lethal, death=rewards.wellbeing.death)
        case "survival_baseline":
            meter = rewards.survival_baseline.meter
            return partial(
                survival_baseline,
                terms=rules.terms,
                meter=meters[meter].index,
                initial=meters[meter].initial,
                wait=settings.actions.wait.get(meter, 0.0),
            )
        case "sparse":
            low = rewards.sparse
            indices = tuple(meters[name].index for name in low.meters)
            return partial(sparse, step=low.step, penalty=low.penalty, threshold=low.threshold, meters=indices)
        case "shaped":
            hints = rewards.shaped
            return partial(
                shaped,
                step=hints.step,
                meter=meters[hints.meter].index,
                affordance=settings.affordance_names.index(hints.affordance),
                threshold=hints.threshold,
                nearness=hints.nearness,
                use=hints.use,
                gain=hints.gain,
                gain_meters=tuple(m.index for name, m in meters.items() if name != settings.payment.meter),
                xy=rules.grid.xy,
            )


def alive(outcome: Outcome, *, step: float, death: float) -> Tensor:
    """`step` while alive, `death` for dying."""
    reward = torch.full(outcome.terminated.shape, step, device=outcome.terminated.device)
    return reward.masked_fill_(outcome.terminated, death)


def wellbeing(outcome: Outcome, *, meters: tuple[int, ...], death: float) -> Tensor:
    """The product of some meters while alive, `death` for dying."""
    product = outcome.state.meters[meters[0]].clone()
    for meter in meters[1:]:
        product *= outcome.state.meters[meter]
    return product.masked_fill_(outcome.terminated, death)


def survival_baseline(
    outcome: Outcome, *, terms: Callable[[Tensor], Terms], meter: int, initial: float, wait: float
) -> Tensor:
    """Steps lived - R at the end of the episode, of either kind; 0 before.

    R is the life of one who only waits: the steps in which `initial` of the meter runs out at decay * multiplier + wait
    a step, at most the cap. terms: what lanes of some difficulties live by.
    """
    lived_by = terms(outcome.state.difficulty)
    decay = lived_by.meters.decay[meter]
    waiting = (initial / (outcome.state.multiplier * decay + wait)).clamp(max=lived_by.step_cap)
    return torch.where(outcome.terminated | outcome.truncated, outcome.state.steps - waiting, 0.0)


def sparse(outcome: Outcome, *, step: float, penalty: float, threshold: float, meters: tuple[int, ...]) -> Tensor:
    """`step` each step, the dying one too, and `penalty` for each of some meters that is below the threshold."""
    return (outcome.state.meters[list(meters)] < threshold).sum(dim=0) * penalty + step


def shaped(
    outcome: Outcome,
    *,
    step: float,
    meter: int,
    affordance: int,
    threshold: float,
    nearness: float,
    use: float,
    gain: float,
    gain_meters: tuple[int, ...],
    xy: Tensor,
) -> Tensor:
    """`step` each step, the dying one too, and three hints.

    While the meter is below the threshold: nearness * (1 - moves to the affordance / the most moves there can be).
    For each tick done there that found the meter below the threshold: `use`. For what the action added to each of
    gain_meters, as only an interaction does: gain times as much. xy: int64 [C, 2], column and row of each cell.
    """
    state, found = outcome.state, outcome.meters_before
    moves = (xy[state.cell] - xy[state.place[:, affordance]]).abs().sum(dim=1)
    near = (1.0 - moves / xy[-1].sum()) * nearness
    used = outcome.interacted & (outcome.stood_on.underfoot == affordance) & (found[meter] < threshold)
    reward = torch.where(state.meters[meter] < threshold, near, 0.0) + step + used * use
    for other in gain_meters:
        reward += (outcome.meters_acted[other] - found[other]).clamp_(min=0.0) * gain
    return reward


def by_difficulty(outcome: Outcome, *, rewards: tuple[Reward, ...], choice: Tensor) -> Tensor:
    """For each lane the reward of its difficulty. choice: int64 [K], place among `rewards`."""
    chosen = choice.index_select(0, outcome.state.difficulty)
    reward = rewards[0](outcome)
    for place, other in enumerate(rewards[1:], start=1):
        reward = torch.where(chosen == place, other(outcome), reward)
    return reward


def with_use_rewards(outcome: Outcome, *, reward: Reward, use: Tensor) -> Tensor:
    """Another reward, and what the lane's difficulty adds for a successful tick. use: float32 [K, A + 1]."""
    return reward(outcome) + use[outcome.state.difficulty, outcome.stood_on.underfoot] * outcome.interacted
