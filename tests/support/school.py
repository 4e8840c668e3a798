"""Lanes of a world that live under a curriculum, as an actor's do."""

import torch

from actor.schooling import Schooling
from townlet.curriculum.build import build_curriculum
from townlet.worlds.hamlet.world import HamletWorld


class Notebook:
    """Stands where the reporter stands: keeps what it is told."""

    def __init__(self) -> None:
        self.lanes_at_stage: list[int] = []
        self.changes = []

    def add_stage_change(self, change) -> None:
        self.changes.append(change)


class School:
    """Lanes of a world that live under a curriculum, as an actor's do."""

    def __init__(self, config, lanes: int, seed: int = 1, device: str = "cpu") -> None:
        difficulties = config.curriculum.difficulties
        self.world = HamletWorld(config.world, lanes, seed, device, difficulties=difficulties)
        self.curriculum = build_curriculum(config.curriculum, lanes)
        self.notebook = Notebook()
        cap = config.world.step_cap
        self.schooling = Schooling(
            self.curriculum,
            self.world.set_difficulty if difficulties else None,
            [each.step_cap or cap for each in difficulties] or [cap],
            self.notebook,
            lanes,
            self.world.device,
        )
        self.view = self.world.reset()
        self.finished_episodes = 0

    def live(self, actions, epsilon: float, steps: int) -> None:
        """So many steps of a policy that explores with this epsilon."""
        chance = torch.full((self.world.lanes,), epsilon, device=self.world.device)
        for _ in range(steps):
            step = self.world.step(actions(self.view))
            self.schooling.add(self.view, chance, step)
            self.finished_episodes += 0 if step.finished is None else len(step.finished.lanes)
            self.view = step.view
