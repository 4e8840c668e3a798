"""From a sample's bytes to sequences for a recurrent network.

B is the batch, K the burn-in, T the unrolled steps, N the n-step horizon, A the actions, S the recurrent state.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from learner.batch import Source
from learner.novelty import Novelty
from protos import replay_pb2
from townlet.networks.memory import Inputs
from townlet.records import OBSERVATION, RecordLayout, Span, decode
from townlet.sample_call import Sampled
from townlet.specs import MemorySpec
from townlet.td import n_step_discount, sequence_returns
from townlet.tensor_bytes import tensor_of
from townlet.worlds.interface import Observation


@dataclass(frozen=True)
class SequenceBatch:
    """B sequences.

    window: of [B, K + T + N, ...]. burn_in_real: bool [B, K], false before the start of the episode.
    state: float32 [B, S], with which the acting network came to the first real step.
    action_mask: bool [B, T + N, A].
    action: int64 [B, T]. reward: float32 [B, T], the scaled n-step return of each step.
    discount: float32 [B, T], what the bootstrap value is multiplied with.
    bootstrap_step: int64 [B, T], the step whose value that is, counted from the first unrolled one.
    valid: bool [B, T], false past the end of the episode.
    importance_weight: float32 [B]. source: the items that these windows start at.
    novelty: for curiosity, until it has been paid for; else None.
    """

    window: Inputs
    burn_in_real: Tensor
    state: Tensor
    action_mask: Tensor
    action: Tensor
    reward: Tensor
    discount: Tensor
    bootstrap_step: Tensor
    valid: Tensor
    importance_weight: Tensor
    source: Source
    novelty: Novelty | None = None

    @property
    def burn_in_steps(self) -> int:
        """K."""
        return self.burn_in_real.shape[1]


@dataclass(frozen=True)
class SequenceWindows:
    """What to ask the replay service for, and how to read the answer: windows [burn-in | unroll | n-step tail].

    Windows may reach past either end of their episode. Before its start the first record stands in, which the burn-in
    leaves out; past its end the final one, in which nothing was earned and which is never learned from.
    """

    layout: RecordLayout
    memory: MemorySpec
    burn_in: int
    unroll: int
    n_step: int
    gamma: float
    reward_scale: float
    truncation_bootstraps: bool
    curious: bool = False

    def request(self, windows: int) -> replay_pb2.SampleRequest:
        """A request for so many windows; run and layout are filled in, priorities are not."""
        window = replay_pb2.Window(before=self.burn_in, after=self.unroll + self.n_step)
        lived, state = self._lived, self._state
        return replay_pb2.SampleRequest(
            layout_digest=self.layout.digest,
            window=window,
            slices=[
                replay_pb2.Slice(first=0, steps=self._length, offset=lived.offset, size=lived.size),
                replay_pb2.Slice(first=0, steps=self._state_records, offset=state.offset, size=state.size),
            ],
            windows=windows,
        )

    def read(self, sampled: Sampled, device: torch.device) -> list[Tensor]:
        """The W windows that were sampled, as columns of [W, ...] on `device`, in the order that `batch` takes them."""
        windows = sampled.rest.windows
        data = tensor_of(sampled.data, torch.uint8).to(device)
        lived, state = torch.split(
            data, [windows * self._length * self._lived.size, windows * self._state_records * self._state.size]
        )
        columns = decode(lived.view(windows, self._length, -1), self._lived)
        parts = decode(state.view(windows, self._state_records, -1), self._state)["recurrent_state"]
        real_before, real_after = (
            tensor_of(counts, torch.int32).to(device).long()
            for counts in (sampled.rest.real_before, sampled.rest.real_after)
        )
        steps = torch.arange(self.unroll, device=device)
        left = real_after[:, None] - steps  # real steps from each one on
        ended = columns["terminated"]
        if not self.truncation_bootstraps:
            ended = ended | columns["truncated"]
        ended_on_the_way = ended[:, self.burn_in :].unfold(1, self.n_step, 1)[:, : self.unroll].any(dim=2)
        return [
            *(columns[name] for name in self._observed),
            columns["previous_action"].long(),
            columns["previous_reward"],
            torch.arange(-self.burn_in, 0, device=device) >= -real_before[:, None],
            self._first_state(parts, real_before, real_after),
            columns["action_mask"][:, self.burn_in :],
            columns["action"][:, self.burn_in : self.burn_in + self.unroll].long(),
            self._returns(self.reward_scale * columns["reward"]),
            n_step_discount(left.clamp(0, self.n_step), ended_on_the_way, gamma=self.gamma),
            torch.minimum(steps + self.n_step, real_after[:, None]),
            left > 0,
            *self._novelty(columns["intrinsic_reward"]),
        ]

    def batch(self, columns: Sequence[Tensor], importance_weight: Tensor, source: Source) -> SequenceBatch:
        """A batch of columns [B, ...] as `read` returns them."""
        count = len(self._observed)
        names = [name.removeprefix(OBSERVATION) for name in self._observed]
        observation = dict(zip(names, columns[:count], strict=True))
        previous_action, previous_reward, *rest = columns[count:]
        real, state, action_mask, action, reward, discount, bootstrap_step, valid, *novelty = rest
        return SequenceBatch(
            window=Inputs(observation, previous_action, previous_reward),
            burn_in_real=real,
            state=state,
            action_mask=action_mask,
            action=action,
            reward=reward,
            discount=discount,
            bootstrap_step=bootstrap_step,
            valid=valid,
            importance_weight=importance_weight,
            source=source,
            novelty=self._real_novelty(observation, valid, *novelty) if self.curious else None,
        )

    def _returns(self, rewards: Tensor) -> Tensor:
        """The n-step return of each unrolled step, float32 [W, T], of the rewards of the whole window."""
        returns = sequence_returns(rewards[:, self.burn_in :], n_step=self.n_step, gamma=self.gamma)
        return returns[:, : self.unroll]

    def _novelty(self, raw: Tensor) -> list[Tensor]:
        """The columns that curiosity adds, float32 [W, T]: novelty's returns, and that of each unrolled step."""
        unrolled = raw[:, self.burn_in : self.burn_in + self.unroll]
        return [self._returns(raw), unrolled] if self.curious else []

    def _real_novelty(self, observation: Observation, valid: Tensor, returns: Tensor, raw: Tensor) -> Novelty:
        """What the valid steps led to, which is what was seen one step on."""
        begin, end = self.burn_in + 1, self.burn_in + self.unroll + 1
        arrived = {name: block[:, begin:end][valid] for name, block in observation.items()}
        return Novelty(returns, raw[valid], arrived)

    def _first_state(self, parts: Tensor, real_before: Tensor, real_after: Tensor) -> Tensor:
        """The state at the first real record, float32 [W, S], from the parts float32 [W, records, part_size].

        An episode with fewer records than parts holds no whole state, and began with zero; so the few steps that a very
        long episode may leave for its last part begin with zero too.
        """
        first = self.burn_in - real_before
        where = first[:, None] + torch.arange(self.memory.period, device=parts.device)
        state = parts.gather(1, where[..., None].expand(-1, -1, parts.shape[2])).flatten(1)[:, : self.memory.state_size]
        whole = real_before + real_after + 1 >= self.memory.period
        return torch.where(whole[:, None], state, 0.0)

    @property
    def _length(self) -> int:
        return self.burn_in + self.unroll + self.n_step

    @property
    def _state_records(self) -> int:
        """Records of the window among which the parts of the first state are found."""
        return min(self.burn_in + self.memory.period, self._length)

    @cached_property
    def _observed(self) -> list[str]:
        return [field.name for field in self.layout.observation().fields]

    @cached_property
    def _lived(self) -> Span:
        return self.layout.observation(through="truncated")

    @cached_property
    def _state(self) -> Span:
        return self.layout.span("recurrent_state", "recurrent_state")
