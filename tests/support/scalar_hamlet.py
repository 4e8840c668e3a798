"""The rules of the Hamlet world for one agent in plain Python, written from their specification alone.

Slow and simple on purpose; the vectorized world is compared with it step by step. Numbers come from the level.
"""

from math import cos, pi, prod, sin

from townlet.worlds.hamlet.rules import DifficultySettings, HamletSettings

UP, DOWN, LEFT, RIGHT, INTERACT, WAIT = range(6)
DELTAS = {UP: (0, -1), DOWN: (0, 1), LEFT: (-1, 0), RIGHT: (1, 0)}


def clamp(value: float) -> float:
    return min(1.0, max(0.0, value))


class ScalarHamlet:
    """One agent in one episode. Its attributes may be set to put it into any situation."""

    def __init__(
        self,
        level: HamletSettings,
        position: tuple[int, int],
        layout: dict[str, tuple[int, int]],
        difficulty: DifficultySettings | None = None,
    ) -> None:
        self.level = level
        self.difficulty = difficulty or DifficultySettings()
        self.position = position
        self.layout = layout
        self.meters = {name: level.meters[name].initial for name in level.meter_names}
        self.progress = 0
        self.steps = 0

    @property
    def hour(self) -> int:
        return self.steps % self.level.ticks_per_day

    @property
    def underfoot(self) -> str | None:
        return next((name for name in self.names if self.layout[name] == self.position), None)

    @property
    def names(self) -> list[str]:
        """The enabled affordances in the order of their IDs."""
        enabled = self.level.enabled or list(self.level.affordances)
        return sorted(enabled, key=lambda name: self.level.affordances[name].id)

    def is_open(self, name: str) -> bool:
        if not self.level.temporal:
            return True
        opens, closes = self.level.affordances[name].hours
        if closes <= self.level.ticks_per_day:
            return opens <= self.hour < closes
        return self.hour >= opens or self.hour < closes - self.level.ticks_per_day

    @property
    def cap(self) -> int:
        return self.difficulty.step_cap or self.level.step_cap

    def decays(self, meter: str) -> bool:
        return self.difficulty.decaying is None or meter in self.difficulty.decaying

    def price(self, name: str) -> float:
        if not self.difficulty.costs:
            return 0.0
        affordance = self.level.affordances[name]
        return affordance.ticks.cost if self.level.temporal else affordance.instant.cost

    def can_pay(self, name: str) -> bool:
        payment = self.level.payment
        return not self.difficulty.costs or self.meters[payment.meter] >= self.price(name) - payment.tolerance

    def mask(self) -> list[bool]:
        def on_grid(action: int) -> bool:
            x, y = (a + b for a, b in zip(self.position, DELTAS[action], strict=True))
            return 0 <= x < self.level.grid and 0 <= y < self.level.grid

        here = self.underfoot
        interact = here is not None and self.is_open(here)
        if self.level.payment.mask_unaffordable:
            interact = interact and self.can_pay(here)
        mask = [on_grid(action) for action in DELTAS] + [interact]
        return [*mask, True] if self.level.actions.wait_enabled else mask

    def step(self, action: int) -> tuple[float, bool, bool]:
        """reward, terminated, truncated."""
        energy_before = dict(self.meters)
        used, gained = self._act(action)
        self._decay()
        self._modulate()
        for group in self.level.cascades.groups:
            for cascade in group.cascades:
                self._cascade(cascade.source, cascade.target, cascade.strength)
            self._clamp()
        terminated = any(self.meters[name] <= 0.0 for name, meter in self.level.meters.items() if meter.lethal)
        self.steps += 1
        truncated = self.steps >= self.cap and not terminated
        return self._reward(terminated, truncated, used, gained, energy_before), terminated, truncated

    def _act(self, action: int) -> tuple[str | None, float]:
        """The affordance that was used, and the sum of what it raised the meters by, money excepted."""
        actions = self.level.actions
        if action == INTERACT:
            return self._interact()
        for name, cost in (actions.wait if action == WAIT else actions.move).items():
            self.meters[name] = clamp(self.meters[name] - cost)
        if action in DELTAS and self.mask()[action]:
            self.position = tuple(a + b for a, b in zip(self.position, DELTAS[action], strict=True))
            self.progress = 0
        return None, 0.0

    def _interact(self) -> tuple[str | None, float]:
        before, here = dict(self.meters), self.underfoot
        changes = {name: -cost for name, cost in self.level.actions.interact.items()}
        used = here if here is not None and self.is_open(here) and self.can_pay(here) else None
        if used is not None:
            affordance = self.level.affordances[used]
            parts = [{self.level.payment.meter: -self.price(used)}]
            if self.level.temporal:
                self.progress += 1
                parts.append(affordance.ticks.effects)
                if self.progress == affordance.ticks.count:
                    parts.append(affordance.ticks.bonus)
                    self.progress = 0
            else:
                parts.append(affordance.instant.effects)
            for part in parts:
                for name, change in part.items():
                    if name == self.level.payment.meter and change > 0.0 and not self.difficulty.income:
                        continue
                    changes[name] = changes.get(name, 0.0) + change
        for name, change in changes.items():
            self.meters[name] = clamp(self.meters[name] + change)
        raised = [self.meters[n] - before[n] for n in before if n != self.level.payment.meter]
        return used, sum(change for change in raised if change > 0.0)

    def _decay(self) -> None:
        for name, meter in self.level.meters.items():
            if self.decays(name):
                self.meters[name] -= meter.decay * self.level.multiplier * self.difficulty.multiplier
        self._clamp()

    def _modulate(self) -> None:
        for rule in self.level.modulations:
            if self.decays(rule.source) and self.decays(rule.target):
                self.meters[rule.target] -= rule.rate * (rule.base + rule.slope * (1.0 - self.meters[rule.source]))
        self._clamp()

    def _cascade(self, source: str, target: str, strength: float) -> None:
        threshold = self.level.cascades.threshold
        if self.meters[source] < threshold and self.decays(source) and self.decays(target):
            self.meters[target] -= strength * (threshold - self.meters[source]) / threshold

    def _clamp(self) -> None:
        self.meters = {name: clamp(value) for name, value in self.meters.items()}

    def _reward(
        self, terminated: bool, truncated: bool, used: str | None, gained: float, before: dict[str, float]
    ) -> float:
        bonus = self.difficulty.use_rewards.get(used or "", 0.0)
        return self._named_reward(terminated, truncated, used, gained, before) + bonus

    def _named_reward(
        self, terminated: bool, truncated: bool, used: str | None, gained: float, before: dict[str, float]
    ) -> float:
        rewards, name = self.level.rewards, self.difficulty.reward or self.level.reward
        if name == "alive":
            return rewards.alive.death if terminated else rewards.alive.step
        if name == "wellbeing":
            lethal = [self.meters[name] for name, meter in self.level.meters.items() if meter.lethal]
            return rewards.wellbeing.death if terminated else prod(lethal)
        if name == "survival_baseline":
            meter = rewards.survival_baseline.meter
            decay = self.level.meters[meter].decay * self.level.multiplier * self.difficulty.multiplier
            loss = (decay if self.decays(meter) else 0.0) + self.level.actions.wait.get(meter, 0.0)
            baseline = min(self.cap, self.level.meters[meter].initial / loss)
            return self.steps - baseline if terminated or truncated else 0.0
        if name == "sparse":
            sparse = rewards.sparse
            return sparse.step + sparse.penalty * sum(self.meters[name] < sparse.threshold for name in sparse.meters)
        shaped = rewards.shaped
        reward = shaped.step + shaped.gain * gained
        if self.meters[shaped.meter] < shaped.threshold:
            distance = sum(abs(a - b) for a, b in zip(self.position, self.layout[shaped.affordance], strict=True))
            reward += shaped.nearness * (1.0 - distance / (2 * self.level.grid - 2))
        if used == shaped.affordance and before[shaped.meter] < shaped.threshold:
            reward += shaped.use
        return reward

    def observation(self) -> list[float]:
        """Everything that the agent sees, in the order of the specification."""
        x, y = self.position
        grid, names, here = self.level.grid, self.names, self.underfoot
        place = [x / (grid - 1), y / (grid - 1)]
        seen: list[float] = []
        if self.level.view == "full":
            seen += [float(cell == y * grid + x) for cell in range(grid * grid)]
            if self.level.observation == "typed":
                for name in names:
                    seen += [*(c / (grid - 1) for c in self.layout[name]), float(self.is_open(name))]
        else:
            seen += self._window() + place
        seen += [self.meters[name] for name in sorted(self.meters, key=lambda name: self.level.meters[name].index)]
        seen += [float(name == here) for name in [*names, None]]
        if self.level.temporal:
            needed = self.level.affordances[here].ticks.count if here else 1
            angle = 2 * pi * self.hour / self.level.ticks_per_day
            seen += [sin(angle), cos(angle), self.progress / needed]
        return seen

    def _window(self) -> list[float]:
        radius, grid = self.level.vision_radius, self.level.grid
        reach = range(-radius, radius + 1)
        cells = [(self.position[0] + dx, self.position[1] + dy) for dy in reach for dx in reach]
        if self.level.observation == "classic":
            return [float(cell in self.layout.values()) for cell in cells]
        planes = [[float(self.layout[name] == cell) for cell in cells] for name in self.names]
        planes.append([float(not (0 <= x < grid and 0 <= y < grid)) for x, y in cells])
        return [value for plane in planes for value in plane]
