"""From a sample's bytes to the tensors of an update. B is the batch, N the n-step horizon, A the actions."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from learner.novelty import Novelty
from protos import replay_pb2
from townlet.records import OBSERVATION, RecordLayout, Span, decode
from townlet.sample_call import Sampled
from townlet.td import n_step_discount, n_step_return
from townlet.tensor_bytes import tensor_of
from townlet.worlds.interface import Observation


@dataclass(frozen=True)
class Source:
    """B items of the replay. keys: uint64 [B]. shards: int64 [B], which shard holds each."""

    keys: NDArray[np.uint64]
    shards: NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """B transitions over up to N steps.

    observation, next_observation: blocks of [B, ...], N steps apart or up to the end of the episode.
    action: int64 [B]. reward: float32 [B], the scaled n-step return.
    discount: float32 [B], what the bootstrap value is multiplied with.
    next_action_mask: bool [B, A]. importance_weight: float32 [B].
    source: the items that these windows start at. novelty: for curiosity, until it has been paid for; else None.
    """

    observation: Observation
    action: Tensor
    reward: Tensor
    discount: Tensor
    next_observation: Observation
    next_action_mask: Tensor
    importance_weight: Tensor
    source: Source
    novelty: Novelty | None = None


@dataclass(frozen=True)
class TransitionWindows:
    """What to ask the replay service for, and how to read the answer: windows of N steps and the record after them.

    Only three parts of a window travel: what was seen at its start, what was done and earned on the way, and what was
    seen at its end; for curiosity a fourth, what was seen one step after the start. A window that reaches past the end
    of its episode repeats the final record, in which nothing was earned: so the n-step return and the bootstrap
    observation come out right without a special case.
    """

    layout: RecordLayout
    n_step: int
    gamma: float
    reward_scale: float
    truncation_bootstraps: bool
    curious: bool = False

    def request(self, windows: int) -> replay_pb2.SampleRequest:
        """A request for so many windows; run and layout are filled in, priorities are not."""
        start, way, end = self._spans
        parts = [
            (0, 1, start),
            (0, self.n_step, way),
            (self.n_step, 1, end),
            *([(1, 1, start)] if self.curious else []),
        ]
        return replay_pb2.SampleRequest(
            layout_digest=self.layout.digest,
            window=replay_pb2.Window(before=0, after=self.n_step + 1),
            slices=[
                replay_pb2.Slice(first=first, steps=steps, offset=span.offset, size=span.size)
                for first, steps, span in parts
            ],
            windows=windows,
        )

    def read(self, sampled: Sampled, device: torch.device) -> list[Tensor]:
        """The W windows that were sampled, as columns of [W, ...] on `device`, in the order that `batch` takes them."""
        windows = sampled.rest.windows
        start, way, end = self._spans
        data = tensor_of(sampled.data, torch.uint8).to(device)
        sizes = [start.size, self.n_step * way.size, end.size, *([start.size] if self.curious else [])]
        first, between, last, *second = torch.split(data, [windows * size for size in sizes])
        seen = decode(first.view(windows, start.size), start)
        done = decode(between.view(windows, self.n_step, way.size), way)
        then = decode(last.view(windows, end.size), end)

        ended = done["terminated"].any(dim=1)
        if not self.truncation_bootstraps:
            ended |= done["truncated"].any(dim=1)
        steps = tensor_of(sampled.rest.real_after, torch.int32).to(device).clamp(max=self.n_step)
        return [
            *seen.values(),
            *then.values(),
            done["action"][:, 0].long(),
            n_step_return(self.reward_scale * done["reward"], gamma=self.gamma),
            n_step_discount(steps, ended, gamma=self.gamma),
            *self._novelty(done["intrinsic_reward"], [decode(part.view(windows, -1), start) for part in second]),
        ]

    def batch(self, columns: Sequence[Tensor], importance_weight: Tensor, source: Source) -> Batch:
        """A batch of columns [B, ...] as `read` returns them."""
        names = self._blocks
        observation, rest = columns[: len(names)], columns[len(names) :]
        next_observation, rest = rest[: len(names)], rest[len(names) :]
        next_action_mask, action, reward, discount, *novelty = rest
        arrived = dict(zip(names, novelty[2:], strict=True)) if self.curious else {}
        return Batch(
            observation=dict(zip(names, observation, strict=True)),
            action=action,
            reward=reward,
            discount=discount,
            next_observation=dict(zip(names, next_observation, strict=True)),
            next_action_mask=next_action_mask,
            importance_weight=importance_weight,
            source=source,
            novelty=Novelty(novelty[0], novelty[1], arrived) if self.curious else None,
        )

    def _novelty(self, raw: Tensor, second: Sequence[Observation]) -> list[Tensor]:
        """The columns that curiosity adds: novelty's returns, that of the first step, and what this one led to.

        raw: float32 [W, N]. second: the observation one step after the start; empty without curiosity.
        """
        columns = [column for observation in second for column in observation.values()]
        return [n_step_return(raw, gamma=self.gamma), raw[:, 0], *columns] if columns else []

    @cached_property
    def _blocks(self) -> list[str]:
        """The observation's."""
        return [field.name.removeprefix(OBSERVATION) for field in self.layout.observation().fields]

    @cached_property
    def _spans(self) -> tuple[Span, Span, Span]:
        layout = self.layout
        return layout.observation(), layout.span("action", "truncated"), layout.observation(through="action_mask")
