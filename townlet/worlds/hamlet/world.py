"""The Hamlet world as a vectorized world."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from townlet.errors import InvalidRequestError
from townlet.worlds.hamlet.affordances import Footing
from townlet.worlds.hamlet.dynamics import Outcome, Rules
from townlet.worlds.hamlet.episodes import unborn
from townlet.worlds.hamlet.lane import Lane, describe_lane
from townlet.worlds.hamlet.mechanics import build_mechanics
from townlet.worlds.hamlet.reward import build_reward
from townlet.worlds.hamlet.rules import DifficultySettings, HamletSettings
from townlet.worlds.hamlet.saved import Saved, from_tensors, to_tensors
from townlet.worlds.hamlet.spec import environment_spec
from townlet.worlds.hamlet.state import State
from townlet.worlds.interface import Finished, Step, View


class HamletWorld:
    """L lanes of a Hamlet level, a `VectorWorld`. It must be reset, or take up a saved state, before its first step.

    What happens in a lane depends on nothing but the level, the seed, the lane's number, its actions, its multiplier
    and its difficulty, and where the level says `random_after`, on `set_run_episodes`.
    """

    saves_running_episodes = True

    def __init__(
        self,
        settings: HamletSettings,
        lanes: int,
        seed: int,
        device: str | torch.device = "cpu",
        first_lane: int = 0,
        difficulties: Sequence[DifficultySettings] = (),
        *,
        compiled: bool = True,
    ) -> None:
        """seed: 0 to 2**63 - 1. first_lane: number of the first lane among all lanes that share the seed.

        difficulties: those that `set_difficulty` chooses from, every lane beginning with the first; none: every lane
        plays the level as it is. compiled: whether to go by compiled rules where there are any; the steps are the same.
        """
        assert lanes >= 1, lanes
        assert 0 <= seed < 2**63, seed
        assert first_lane >= 0, first_lane
        self.settings = settings
        self.spec = environment_spec(settings)
        self.lanes = lanes
        self._seed = torch.tensor(seed, device=device)
        self.device = self._seed.device
        self.rules = Rules.of(settings, self.device, difficulties)
        self._mechanics = build_mechanics(settings, self.rules, self.device, compiled=compiled)
        self._reward = build_reward(settings, self.rules, difficulties)
        self._run_episodes = 0
        lane = torch.arange(first_lane, first_lane + lanes, device=self.device)
        multiplier = torch.full((lanes,), settings.multiplier, device=self.device)
        self._state = unborn(self.rules, self._seed, lane, multiplier)
        self._footing: Footing | None = None
        """What the lanes stand on; None until the first episode has begun."""
        self._last: Outcome | None = None

    def reset(self) -> View:
        """Start a new episode in every lane."""
        self._state = self._mechanics.begin(self._state, self._run_episodes)
        self._footing = self._mechanics.footing(self._state)
        return self.view()

    def step(self, action: Tensor) -> Step:
        """Take one action in every lane; one that finishes starts its next episode at once.

        action: int64 [L] on this world's device; one outside the mask comes to nothing but costs the same. Raises
        InvalidRequestError for another shape or dtype or an unknown action ID, and then nothing has changed.
        """
        known, unknown = self._checked(action)
        outcome = self._mechanics.advance(self._state, self.footing, known)
        reward = self._reward(outcome)
        state, ended = outcome.state, outcome.terminated | outcome.truncated
        # The only point of a step at which the host waits for the device.
        ended_count, unknown_count = torch.stack((ended.count_nonzero(), unknown.count_nonzero())).tolist()
        if unknown_count:
            raise InvalidRequestError(self._unknown_action(action))
        finished = self._finish(state, ended, ended_count) if ended_count else None
        self._state, self._footing, self._last = state, self._mechanics.footing(state), outcome
        return Step(self.view(), reward, outcome.terminated, outcome.truncated, finished)

    def view(self) -> View:
        """What the agents see now."""
        return self._mechanics.view(self._state, self.footing)

    def set_run_episodes(self, episodes: int) -> None:
        """Tell how many episodes the whole run has finished; `random_after` layouts depend on it."""
        assert episodes >= 0, episodes
        self._run_episodes = episodes

    def set_multiplier(self, multiplier: Tensor) -> None:
        """Set what scales each lane's decay, from the next step on. multiplier: float32 [L], finite, at least 0.

        Raises InvalidRequestError, and then nothing has changed.
        """
        self._require("multiplier", multiplier, torch.float32, self.lanes)
        possible = (multiplier >= 0.0) & multiplier.isfinite()
        if not possible.all():
            raise InvalidRequestError(f"multiplier: expected 0 or more, found {multiplier[~possible][0].item()}")
        self._state = replace(self._state, multiplier=multiplier.clone(memory_format=torch.contiguous_format))

    def set_difficulty(self, lanes: Tensor, difficulty: Tensor) -> None:
        """Set the difficulty of lanes whose running episode has not taken a step: it holds from the first one on.

        lanes: int64 [F], each at most once. difficulty: int64 [F], places among the world's difficulties. A view given
        out before may show the old prices in its mask, where the level hides what cannot be paid.
        Raises InvalidRequestError, and then nothing has changed.
        """
        if self.rules.difficulties is None:
            raise InvalidRequestError("difficulty: expected a world that has difficulties, found one that has none")
        self._require_places("lanes", lanes, len(lanes), self.lanes)
        self._require_places("difficulty", difficulty, len(lanes), len(self.rules.difficulties.step_cap))
        if (begun := self._state.steps[lanes] > 0).any():
            found = f"lane {int(lanes[begun][0])} after {int(self._state.steps[lanes[begun][0]])}"
            raise InvalidRequestError(f"difficulty: expected lanes that have taken no step yet, found {found}")
        after = self._state.difficulty.index_copy(0, lanes, difficulty)
        self._state = replace(self._state, difficulty=after)
        self._footing = self._mechanics.footing(self._state)

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that a lane's future depends on."""
        assert self._footing is not None, "a world that has not been reset has no state to save"
        return to_tensors(Saved(self._state, self._seed, self._run_episodes))

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up a state saved by a world of the same level and number of lanes, its seed and lane numbers included.

        Raises CheckpointError when it cannot be one, and then nothing has changed.
        """
        saved = from_tensors(state, self.rules, self.lanes, self.device)
        self._state, self._seed, self._run_episodes = saved.state, saved.seed, saved.run_episodes
        self._footing = self._mechanics.footing(self._state)

    @property
    def state(self) -> State:
        """The true state, for those who may know it; later steps overwrite its tensors."""
        return self._state

    @property
    def footing(self) -> Footing:
        """What each lane stands on."""
        assert self._footing is not None, "reset the world before its first step"
        return self._footing

    @property
    def used(self) -> Tensor:
        """The number of the affordance that each lane has just finished a use of, int64 [L]; their count for none."""
        assert self._last is not None, "nothing is used before the first step"
        none = len(self.settings.affordance_names)
        stood_on, finished = self._last.stood_on, self.rules.affordances.finishes(self._last.stood_on)
        return torch.where(self._last.interacted & finished, stood_on.underfoot, none)

    def lane(self, lane: int) -> Lane:
        """One lane as plain values. lane: 0 to L - 1."""
        assert 0 <= lane < self.lanes, (lane, self.lanes)
        return describe_lane(self.settings, self._state, lane)

    def _finish(self, state: State, ended: Tensor, count: int) -> Finished:
        """Reset the ended lanes of `state`, in place, and tell how they ended. ended: bool [L], with `count` true."""
        lanes = torch.nonzero_static(ended, size=count).squeeze(1)
        view, steps = self._mechanics.restart(state, lanes, self._run_episodes)
        return Finished(lanes, view, steps)

    def _checked(self, action: Tensor) -> tuple[Tensor, Tensor]:
        """The actions, unknown IDs replaced by known ones, int64 [L], and which those were, bool [L]."""
        self._require("action", action, torch.int64, self.lanes)
        known = action.clamp(0, self.spec.actions - 1)
        return known, known != action

    def _require_places(self, name: str, places: Tensor, count: int, bound: int) -> None:
        """int64 [count], each at least 0 and below the bound."""
        self._require(name, places, torch.int64, count)
        known = (places >= 0) & (places < bound)
        if not known.all():
            raise InvalidRequestError(f"{name}: expected 0 to {bound - 1}, found {int(places[~known][0])}")

    def _require(self, name: str, tensor: Tensor, dtype: torch.dtype, count: int) -> None:
        if tensor.dtype != dtype or tensor.shape != (count,) or tensor.device != self.device:
            expected = f"{dtype} [{count}] on {self.device}"
            found = f"{tensor.dtype} {list(tensor.shape)} on {tensor.device}"
            raise InvalidRequestError(f"{name}: expected {expected}, found {found}")

    def _unknown_action(self, action: Tensor) -> str:
        lane, value = next((i, a) for i, a in enumerate(action.tolist()) if not 0 <= a < self.spec.actions)
        return f"action: expected IDs from 0 to {self.spec.actions - 1}, found {value} in lane {lane}"
