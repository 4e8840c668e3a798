"""The rules of the Hamlet world in plain NumPy, the way somebody who knows it would write them down.

Whom `bench.world_step` races against. It plays the shipped levels: the reward is `alive`, layouts are fixed or random,
and there is no curriculum. N lanes, A affordances, M meters, G the grid's side, R cells seen to each side.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from townlet.worlds.hamlet.rules import INTERACT, MOVES, HamletSettings

Array = NDArray[Any]
Seen = dict[str, Array]
"""Block name -> [N, *block shape], as `townlet.worlds.hamlet.spec` describes them."""


@dataclass(frozen=True)
class PlainStep:
    """What one step brought. finished: the lanes that ended; final, final_mask: what those saw at last."""

    seen: Seen
    mask: Array
    reward: Array
    terminated: Array
    truncated: Array
    finished: Array
    final: Seen
    final_mask: Array


class PlainHamlet:
    """All lanes of a level, stepped together.

    position: int64 [N, 2], x and y. meters: float32 [N, M]. steps, progress: int64 [N].
    place: int64 [N, A, 2], where affordances stand. ground: int8 [N, G + 2R, G + 2R], what stands where, y first: an
    affordance's number, A for none, A + 1 off the grid.
    """

    def __init__(self, level: HamletSettings, lanes: int, seed: int) -> None:
        assert level.reward == "alive", level.reward
        assert level.layout != "random_after", level.layout
        self.level, self.lanes = level, lanes
        self.random = np.random.default_rng(seed)
        self.radius = level.vision_radius if level.view == "local" else 0
        self._read_affordances()
        self._read_meters()
        self.moves = np.zeros((level.action_count, 2), np.int64)
        self.moves[: len(MOVES)] = list(MOVES.values())
        wide = level.grid + 2 * self.radius
        self.position = np.zeros((lanes, 2), np.int64)
        self.meters = np.zeros((lanes, len(level.meters)), np.float32)
        self.steps, self.progress = np.zeros(lanes, np.int64), np.zeros(lanes, np.int64)
        self.place = np.zeros((lanes, self.count, 2), np.int64)
        self.ground = np.zeros((lanes, wide, wide), np.int8)
        self.put_affordances(np.arange(lanes), np.array([level.affordances[name].at for name in self.names]))

    def reset(self) -> tuple[Seen, Array]:
        """A new episode in every lane."""
        everyone = np.arange(self.lanes)
        self._begin(everyone)
        return self.look(everyone), self.mask(everyone)

    def step(self, action: Array) -> PlainStep:
        """One action in every lane, int64 [N]; one that finishes begins its next episode at once."""
        everyone = np.arange(self.lanes)
        self._act(action)
        self._live()
        self.steps += 1
        terminated: Array = np.any(self.meters[:, self.lethal] <= 0.0, axis=1)
        truncated = (self.steps >= self.level.step_cap) & ~terminated
        alive = self.level.rewards.alive
        reward = np.where(terminated, np.float32(alive.death), np.float32(alive.step))
        seen, mask = self.look(everyone), self.mask(everyone)
        finished = np.flatnonzero(terminated | truncated)
        final, final_mask = {name: block[finished] for name, block in seen.items()}, mask[finished]
        if len(finished):
            self._begin(finished)
            for name, block in self.look(finished).items():
                seen[name][finished] = block
            mask[finished] = self.mask(finished)
        return PlainStep(seen, mask, reward, terminated, truncated, finished, final, final_mask)

    def put_affordances(self, lanes: Array, place: Array) -> None:
        """Let them stand there. lanes: int64 [F]. place: int64 [A, 2], or [F, A, 2]."""
        self.place[lanes] = place
        inner = slice(self.radius, self.radius + self.level.grid)
        ground = np.full((len(lanes), *self.ground.shape[1:]), self.count + 1, np.int8)
        ground[:, inner, inner] = self.count
        at = self.place[lanes] + self.radius
        ground[np.arange(len(lanes))[:, None], at[:, :, 1], at[:, :, 0]] = np.arange(self.count)
        self.ground[lanes] = ground

    def look(self, lanes: Array) -> Seen:
        """What some lanes see. lanes: int64 [F]."""
        level, position, hour = self.level, self.position[lanes], self.steps[lanes] % self.level.ticks_per_day
        here, typed, last = self._underfoot(lanes), level.observation == "typed", level.grid - 1
        seen: Seen = {}
        if level.view == "full":
            cell = np.zeros((len(lanes), level.grid**2), np.uint8)
            cell[np.arange(len(lanes)), position[:, 1] * level.grid + position[:, 0]] = 1
            seen["cell"] = cell
            if typed:
                is_open = self.open[:-1, hour].T[:, :, None]
                seen["affordances"] = np.concatenate((self.place[lanes] / last, is_open), axis=2, dtype=np.float32)
        else:
            reach = np.arange(2 * self.radius + 1)
            y, x = position[:, 1, None, None] + reach[:, None], position[:, 0, None, None] + reach
            window = self.ground[lanes[:, None, None], y, x]
            planes = [*range(self.count), self.count + 1]
            shown = window[:, None] == np.array(planes)[:, None, None] if typed else window[:, None] < self.count
            seen["window"] = shown.astype(np.uint8)
            seen["position"] = (position / last).astype(np.float32)
        seen["meters"] = self.meters[lanes]
        seen["underfoot"] = (here[:, None] == np.arange(self.count + 1)).astype(np.uint8)
        if level.temporal:
            angle = 2.0 * np.pi / level.ticks_per_day * hour
            progress = self.progress[lanes] / self.ticks[here]
            seen["temporal"] = np.stack((np.sin(angle), np.cos(angle), progress), axis=1).astype(np.float32)
        return seen

    def mask(self, lanes: Array) -> Array:
        """The actions that some lanes may take, bool [F, actions]. lanes: int64 [F]."""
        x, y = self.position[lanes].T
        here, last = self._underfoot(lanes), self.level.grid - 1
        interact = self.open[here, self.steps[lanes] % self.level.ticks_per_day]
        if self.level.payment.mask_unaffordable:
            interact &= self._can_pay(lanes, here)
        mask = np.ones((len(lanes), self.level.action_count), bool)
        for action, valid in enumerate((y > 0, y < last, x > 0, x < last, interact)):
            mask[:, action] = valid
        return mask

    def _begin(self, lanes: Array) -> None:
        self.position[lanes] = self.random.integers(self.level.grid, size=(len(lanes), 2))
        self.meters[lanes] = self.initial
        self.steps[lanes] = self.progress[lanes] = 0
        if self.level.layout == "random":
            cells = self.random.random((len(lanes), self.level.grid**2)).argsort(axis=1)[:, : self.count]
            self.put_affordances(lanes, np.stack((cells % self.level.grid, cells // self.level.grid), axis=2))

    def _act(self, action: Array) -> None:
        everyone = np.arange(self.lanes)
        here = self._underfoot(everyone)
        is_open = self.open[here, self.steps % self.level.ticks_per_day]
        used = np.flatnonzero((action == INTERACT) & is_open & self._can_pay(everyone, here))
        change = -self.action_cost[action]
        change[used] += self.effects[here[used]]
        self.progress[used] += 1
        finished = used[self.progress[used] == self.ticks[here[used]]]
        change[finished] += self.bonus[here[finished]]
        self.progress[finished] = 0
        self.meters = np.clip(self.meters + change, 0.0, 1.0)
        target = self.position + self.moves[action]
        moved = (action < len(MOVES)) & ((target >= 0) & (target < self.level.grid)).all(axis=1)
        self.position[moved] = target[moved]
        self.progress[moved] = 0

    def _live(self) -> None:
        meters = np.clip(self.meters - self.decay * np.float32(self.level.multiplier), 0.0, 1.0)
        for rule in self.level.modulations:
            source, target = self.index[rule.source], self.index[rule.target]
            meters[:, target] -= rule.rate * (rule.base + rule.slope * (1.0 - meters[:, source]))
        np.clip(meters, 0.0, 1.0, out=meters)
        threshold = self.level.cascades.threshold
        for group in self.level.cascades.groups:
            for cascade in group.cascades:
                source, target = self.index[cascade.source], self.index[cascade.target]
                missing = np.maximum(threshold - meters[:, source], 0.0)
                meters[:, target] -= cascade.strength * missing / threshold
            np.clip(meters, 0.0, 1.0, out=meters)
        self.meters = meters

    def _underfoot(self, lanes: Array) -> Array:
        """The number of the affordance that lanes stand on, A for none, int64 [F]."""
        x, y = self.position[lanes].T + self.radius
        here: Array = self.ground[lanes, y, x]
        return here.astype(np.int64)

    def _can_pay(self, lanes: Array, here: Array) -> Array:
        payment = self.level.payment
        money: Array = self.meters[lanes, self.index[payment.meter]]
        return money >= self.price[here] - np.float32(payment.tolerance)

    def _read_affordances(self) -> None:
        level = self.level
        self.names, self.index = level.affordance_names, {name: i for i, name in enumerate(level.meter_names)}
        self.count, meters, day = len(self.names), len(self.index), level.ticks_per_day
        self.price = np.zeros(self.count + 1, np.float32)
        self.ticks = np.ones(self.count + 1, np.int64)
        self.effects, self.bonus = np.zeros((2, self.count + 1, meters), np.float32)
        self.open = np.zeros((self.count + 1, day), bool)
        for number, name in enumerate(self.names):
            affordance, hours = level.affordances[name], np.arange(day)
            opens, closes = affordance.hours
            wraps = (hours >= opens) | (hours < closes - day)
            self.open[number] = not level.temporal or (wraps if closes > day else (opens <= hours) & (hours < closes))
            use = affordance.ticks if level.temporal else affordance.instant
            self.price[number] = use.cost
            self.effects[number] = self._row(use.effects)
            self.effects[number, self.index[level.payment.meter]] -= use.cost
            if level.temporal:
                self.ticks[number] = affordance.ticks.count
                self.bonus[number] = self._row(affordance.ticks.bonus)

    def _read_meters(self) -> None:
        level, meters = self.level, [self.level.meters[name] for name in self.level.meter_names]
        self.initial = np.array([meter.initial for meter in meters], np.float32)
        self.decay = np.array([meter.decay for meter in meters], np.float32)
        self.lethal = [place for place, meter in enumerate(meters) if meter.lethal]
        costs = [level.actions.move] * len(MOVES) + [level.actions.interact, level.actions.wait]
        self.action_cost = np.stack([self._row(cost) for cost in costs[: level.action_count]])

    def _row(self, amounts: dict[str, float]) -> Array:
        """float32 [M]."""
        return np.array([amounts.get(name, 0.0) for name in self.index], np.float32)
