"""Any Gymnasium environment as a vectorized world."""

import weakref
from typing import Any

import numpy as np
import structlog
import torch
from numpy.typing import NDArray
from torch import Tensor

from townlet.checkpoint.form import Form, check_forms
from townlet.errors import CheckpointError, InvalidRequestError
from townlet.worlds.gymnasium.arrays import LaneArrays
from townlet.worlds.gymnasium.lanes import Failure, Lanes
from townlet.worlds.gymnasium.processes import LaneProcesses
from townlet.worlds.gymnasium.repeats import Repeats
from townlet.worlds.gymnasium.settings import GymnasiumSettings
from townlet.worlds.gymnasium.spec import environment_spec
from townlet.worlds.interface import Finished, Step, View
from townlet.worlds.portrait import LaneView

log = structlog.get_logger()

Array = NDArray[Any]


class GymnasiumWorld:
    """L copies of an environment, a `VectorWorld`. It must be reset before its first step.

    What happens in a lane depends on nothing but the settings, the seed, the lane's number and its actions, as far as
    the environment itself keeps to its seed; how many workers step the lanes changes nothing.
    """

    def __init__(
        self,
        settings: GymnasiumSettings,
        lanes: int,
        seed: int,
        device: str | torch.device = "cpu",
        first_lane: int = 0,
        *,
        repeats: bool = False,
    ) -> None:
        """seed: 0 to 2**63 - 1. first_lane: number of the first lane among all lanes that share the seed.

        repeats: whether running episodes are saved, as what was done in them, and lived again when they are taken up.
        Raises ConfigError when there is no such environment, or its spaces are not supported.
        """
        assert lanes >= 1, lanes
        assert 0 <= seed < 2**63, seed
        assert first_lane >= 0, first_lane
        self.settings = settings
        self.spec = environment_spec(settings)
        self.lanes = lanes
        self.device = torch.device(device)
        self._arrays: LaneArrays
        self._lanes: Lanes | LaneProcesses
        if settings.workers:
            self._lanes = LaneProcesses(settings, self.spec, lanes, seed, first_lane)
            self._arrays = self._lanes.arrays
        else:
            self._arrays = LaneArrays(self.spec.observation, self.spec.actions, lanes)
            self._lanes = Lanes(settings, self._arrays, range(lanes), seed, first_lane)
        self._arrays.episode[:] = -1
        self._seed, self._first_lane = seed, first_lane
        self.saves_running_episodes = repeats
        self._repeats = Repeats(settings.id, self._arrays, self.spec.step_cap) if repeats else None
        self.close = weakref.finalize(self, self._lanes.close)
        """Give environments and processes up; also happens when nobody uses the world any more."""

    def reset(self) -> View:
        """Start a new episode in every lane. Raises WorldError, as `step` does."""
        self._note(self._lanes.reset())
        return self.view()

    def step(self, action: Tensor) -> Step:
        """Take one action in every lane; one that finishes starts its next episode at once.

        action: int64 [L] on this world's device. Raises InvalidRequestError for another shape or dtype or an unknown
        action ID, and then nothing has changed; WorldError when an environment is not what it declares, or fails again
        and again.
        """
        arrays = self._arrays
        arrays.action[:] = self._checked(action)
        if self._repeats is not None:
            self._repeats.note()
        self._note(self._lanes.step())
        ended = np.flatnonzero(arrays.terminated | arrays.truncated)
        dropped = np.flatnonzero(arrays.dropped)
        return Step(
            view=self.view(),
            reward=self._tensor(arrays.reward),
            terminated=self._tensor(arrays.terminated),
            truncated=self._tensor(arrays.truncated),
            finished=self._finished(ended) if len(ended) else None,
            dropped=self._tensor(dropped) if len(dropped) else None,
        )

    def view(self) -> View:
        """What the agents see now."""
        observation = {name: self._tensor(block) for name, block in self._arrays.view.items()}
        return View(observation, self._tensor(self._arrays.mask))

    def set_run_episodes(self, episodes: int) -> None:
        """No Gymnasium environment depends on it."""

    def state_dict(self) -> dict[str, Tensor]:
        """Where every lane is in the row of its episodes, and with `repeats` what was done in the running ones.

        Environments themselves cannot be saved.
        """
        done = self._repeats.state() if self._repeats else {}
        arrays = {**self._place(), "episode": self._arrays.episode, **done}
        return {name: self._tensor(array) for name, array in arrays.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Abandon all running episodes, and start those that follow the ones that ran when the state was saved.

        With `repeats`: go on with those, lived again. Raises CheckpointError when it cannot be the state of a world of
        this seed and these lanes, or when the environment does not repeat them.
        """
        forms = {name: Form.of(tensor) for name, tensor in self.state_dict().items()}
        check_forms("saved world", state, forms | ({"done": Form("int32", (None,), 0)} if self._repeats else {}))
        saved = {name: tensor.cpu().numpy() for name, tensor in state.items()}
        for name, array in self._place().items():
            if not np.array_equal(saved[name], array):
                raise CheckpointError(f"saved world: {name}: expected {array.tolist()}, found {saved[name].tolist()}")
        if self._repeats is None:
            self._arrays.episode[:] = saved["episode"]
            self.reset()
        else:
            self._repeats.check(saved["steps"], saved["done"])
            self._arrays.episode[:] = saved["episode"] - 1
            self.reset()
            self._repeats.live_again(saved["steps"], saved["done"], saved["sight"], self._lanes.step)

    def lane(self, lane: int) -> LaneView:
        """One lane as plain values. lane: 0 to L - 1."""
        arrays = self._arrays
        blocks = {name: block[lane].copy() for name, block in arrays.view.items()}
        return LaneView(int(arrays.episode[lane]), int(arrays.steps[lane]), blocks)

    def _place(self) -> dict[str, Array]:
        """Which episodes these lanes live."""
        lane = np.arange(self._first_lane, self._first_lane + self.lanes)
        return {"seed": np.array(self._seed), "lane": lane}

    def _finished(self, lanes: Array) -> Finished:
        arrays = self._arrays
        observation = {name: self._tensor(block[lanes]) for name, block in arrays.final.items()}
        view = View(observation, self._tensor(arrays.final_mask[lanes]))
        return Finished(self._tensor(lanes), view, self._tensor(arrays.final_steps[lanes]))

    def _tensor(self, array: Array) -> Tensor:
        """A copy on this world's device."""
        return torch.from_numpy(array.copy()).to(self.device)

    def _checked(self, action: Tensor) -> Array:
        if action.dtype != torch.int64 or action.shape != (self.lanes,):
            raise InvalidRequestError(f"action: expected torch.int64 [{self.lanes}], found {_form(action)}")
        actions: Array = action.cpu().numpy()
        unknown = (actions < 0) | (actions >= self.spec.actions)
        if unknown.any():
            lane = int(unknown.argmax())
            raise InvalidRequestError(
                f"action: expected IDs from 0 to {self.spec.actions - 1}, found {actions[lane]} in lane {lane}"
            )
        return actions

    def _note(self, failures: list[Failure]) -> None:
        for failure in failures:
            log.warning("environment_replaced", lane=failure.lane, reason=failure.reason)


def _form(tensor: Tensor) -> str:
    return f"{tensor.dtype} {list(tensor.shape)}"
