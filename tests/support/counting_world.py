"""A world whose every record can be told in advance: lane l counts its steps, its episodes last `lengths[l]`."""

import torch

from townlet.specs import EnvironmentSpec, FieldSpec
from townlet.worlds.interface import Finished, Step, View

SPEC = EnvironmentSpec(
    observation=(FieldSpec("place", "float32", (2,)), FieldSpec("mark", "uint8", (1,))), actions=3, step_cap=100
)


class CountingWorld:
    """Observes (lane, step in the episode) and the episode's number; the reward is the step's number.

    Lanes in `dying` end by termination, the others by truncation.
    """

    spec = SPEC

    saves_running_episodes = True

    def __init__(self, lengths: list[int], dying: tuple[int, ...] = ()) -> None:
        self.lanes = len(lengths)
        self.device = torch.device("cpu")
        self._lengths = torch.tensor(lengths)
        self._dying = torch.zeros(self.lanes, dtype=torch.bool)
        self._dying[list(dying)] = True
        self.resets = 0

    def reset(self) -> View:
        self._steps = torch.zeros(self.lanes, dtype=torch.int64)
        self._episodes = torch.zeros(self.lanes, dtype=torch.int64)
        self.resets += self.lanes
        return self.view()

    def step(self, action: torch.Tensor) -> Step:
        self._steps = self._steps + 1
        ended = self._steps == self._lengths
        reward = self._steps.float()
        finished = None
        if ended.any():
            lanes = torch.nonzero(ended).squeeze(1)
            old = self.view()
            finished = Finished(
                lanes,
                View({name: block[lanes] for name, block in old.observation.items()}, old.action_mask[lanes]),
                self._steps[lanes],
            )
            self._steps = torch.where(ended, 0, self._steps)
            self._episodes = self._episodes + ended
            self.resets += len(lanes)
        return Step(self.view(), reward, ended & self._dying, ended & ~self._dying, finished)

    def view(self) -> View:
        place = torch.stack([torch.arange(self.lanes), self._steps], dim=1).float()
        mask = torch.ones(self.lanes, 3, dtype=torch.bool)
        mask[:, 2] = self._steps % 2 == 0
        return View({"place": place, "mark": self._episodes.to(torch.uint8)[:, None]}, mask)

    def set_run_episodes(self, episodes: int) -> None:
        pass
