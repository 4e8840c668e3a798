"""The recall task as a vectorized world."""

import torch
from torch import Tensor
from torch.nn import functional

from townlet.checkpoint.form import Form, check_forms
from townlet.errors import InvalidRequestError
from townlet.worlds.interface import Finished, Step, View
from townlet.worlds.portrait import LaneView
from townlet.worlds.random_stream import below, random_bits
from townlet.worlds.recall.rules import RecallSettings, environment_spec


class RecallWorld:
    """L lanes of the task, a `VectorWorld`. Reward 1 for naming the symbol when it is asked for, else 0."""

    saves_running_episodes = True

    def __init__(
        self,
        settings: RecallSettings,
        lanes: int,
        seed: int,
        device: str | torch.device = "cpu",
        first_lane: int = 0,
    ) -> None:
        """first_lane: number of the first lane among all lanes that share the seed."""
        self.settings = settings
        self.spec = environment_spec(settings)
        self.lanes = lanes
        self._seed = torch.tensor(seed, device=device)
        self.device = self._seed.device
        self._lane = torch.arange(first_lane, first_lane + lanes, device=self.device)
        self._episode = torch.full((lanes,), -1, device=self.device)
        self._steps = 0  # the same in all lanes, since all episodes are equally long
        self._symbol = torch.zeros(lanes, dtype=torch.int64, device=self.device)

    def reset(self) -> View:
        """Start a new episode in every lane."""
        self._episode = self._episode + 1
        self._steps = 0
        self._symbol = below(random_bits(self._seed, self._lane, self._episode, 1)[:, 0], self.settings.symbols)
        return self.view()

    def step(self, action: Tensor) -> Step:
        """Take one action in every lane. action: int64 [L]. Raises InvalidRequestError for one that is unknown."""
        if not ((action >= 0) & (action < self.spec.actions)).all():
            raise InvalidRequestError(f"action: expected IDs from 0 to {self.spec.actions - 1}, found another")
        asked = self._steps == self.settings.delay
        right = (action == self._symbol) & asked
        self._steps += 1
        finished = None
        if asked:
            steps = torch.full_like(self._lane, self._steps)
            finished = Finished(torch.arange(self.lanes, device=self.device), self.view(), steps)
            self.reset()
        ended = torch.full((self.lanes,), asked, device=self.device)
        return Step(self.view(), right.float(), ended, torch.zeros_like(ended), finished)

    def view(self) -> View:
        """What the agents see now."""
        shown = functional.one_hot(self._symbol, self.settings.symbols).to(torch.uint8) * (self._steps == 0)
        asked = torch.full((self.lanes, 1), self._steps == self.settings.delay, dtype=torch.uint8, device=self.device)
        everything = torch.ones(self.lanes, self.spec.actions, dtype=torch.bool, device=self.device)
        return View({"shown": shown, "asked": asked}, everything)

    def lane(self, lane: int) -> LaneView:
        """One lane as plain values. lane: 0 to L - 1."""
        blocks = {name: block[lane].cpu().numpy() for name, block in self.view().observation.items()}
        return LaneView(int(self._episode[lane]), self._steps, blocks)

    def set_run_episodes(self, episodes: int) -> None:
        """Nothing here depends on it."""

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that a lane's future depends on."""
        steps = torch.tensor(self._steps, device=self.device)
        own = {"seed": self._seed, "lane": self._lane, "episode": self._episode, "symbol": self._symbol, "steps": steps}
        return {name: tensor.clone() for name, tensor in own.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up a state saved by a world of the same settings and lanes.

        Raises CheckpointError, and then nothing has changed.
        """
        forms = {name: Form.of(mine) for name, mine in self.state_dict().items()}
        check_forms("saved world", state, {**forms, "steps": Form("int64", (), 0, self.settings.delay)})
        self._seed, self._lane, self._episode, self._symbol = (
            state[name].to(self.device, copy=True) for name in ("seed", "lane", "episode", "symbol")
        )
        self._steps = int(state["steps"])
