"""From steps to whole episodes: each lane's records gather here until its episode ends.

Legend: L lanes, P part_length, S the layout's stride.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from townlet.checkpoint.form import Form, check_forms
from townlet.errors import CheckpointError, NumericalError
from townlet.networks.memory import Memory
from townlet.record_writer import RecordWriter
from townlet.records import OBSERVATION, RecordLayout, decode
from townlet.specs import MemorySpec
from townlet.worlds.interface import Step, View


@dataclass(frozen=True)
class Part:
    """An episode of one lane, or a part of a very long one.

    records: T + 1 records; the last holds the final observation (of a part: the one with which the next part begins).
    """

    lane: int
    records: bytes


class EpisodeAccumulator:
    """One unroll buffer, uint8 [L, P + 1, S] on the world's device; a finished episode leaves it in one transfer.

    Episodes end here in one way, whether by death or at the time limit. Those longer than P steps leave in consecutive
    parts, so that the memory is bounded.
    """

    def __init__(
        self,
        layout: RecordLayout,
        lanes: int,
        part_length: int,
        device: torch.device,
        memory: MemorySpec | None = None,
    ) -> None:
        self._layout = layout
        self._snapshots = StateSnapshots(memory, lanes, device) if memory else None
        self._rewards = layout.span("reward", "intrinsic_reward")
        self._writer = RecordWriter(layout, device)
        self._part_length = part_length
        self._records = torch.zeros(lanes, part_length + 1, layout.stride, dtype=torch.uint8, device=device)
        self._steps = torch.zeros(lanes, dtype=torch.int64, device=device)
        self._lanes = torch.arange(lanes, device=device)
        self._most_steps = 0  # no lane has more; kept on the host, where asking is free

    def add(self, view: View, memory: Memory, action: Tensor, step: Step, novelty: Tensor | None = None) -> list[Part]:
        """Record one step of every lane; the episodes and parts that it completed. Dropped episodes are forgotten.

        view: what the lanes saw. memory: with what they came to it. action: int64 [L], what they did. step: what it
        brought. novelty: float32 [L], raw, of what it led to; None is stored as 0.
        Raises NumericalError when a completed episode holds a reward that is not finite; it is dropped.
        """
        columns = {
            **_view_columns(view),
            **self._memory_columns(memory),
            "action": action,
            "reward": step.reward,
            "terminated": step.terminated,
            "truncated": step.truncated,
        }
        if novelty is not None:
            columns["intrinsic_reward"] = novelty
        self._writer.write(columns, self._lanes, self._steps, self._records)
        self._steps += 1
        self._most_steps += 1
        parts = []
        last = {"previous_action": action + 1, "previous_reward": step.reward}
        if step.dropped is not None:
            self._steps[step.dropped] = 0
        if step.finished is not None:
            parts += self._complete(step.finished.lanes, step.finished.view, last)
        if self._most_steps >= self._part_length:
            full = torch.nonzero(self._steps == self._part_length).squeeze(1)
            parts += self._complete(full, _rows(step.view, full), last)
            self._most_steps = int(self._steps.max())
        return parts

    def state_dict(self) -> dict[str, Tensor]:
        """The running episodes as they are, as copies.

        steps: int64 [L], so far. records: uint8 [sum of steps, S], lane after lane. snapshots: with a memory.
        """
        filled = torch.arange(self._part_length + 1, device=self._steps.device) < self._steps[:, None]
        snapshots = {"snapshots": self._snapshots.parts.clone()} if self._snapshots else {}
        return {"steps": self._steps.clone(), "records": self._records[filled], **snapshots}

    def load_state_dict(self, saved: dict[str, Tensor]) -> None:
        """Go on with running episodes. Raises CheckpointError when they cannot be; then nothing has changed."""
        lanes, device = len(self._steps), self._steps.device
        forms = {
            "steps": Form("int64", (lanes,), 0, self._part_length - 1),
            "records": Form("uint8", (None, self._layout.stride)),
        }
        if self._snapshots:
            forms["snapshots"] = Form.of(self._snapshots.parts)
        check_forms("saved episodes", saved, forms)
        steps = saved["steps"].to(device, copy=True)
        if len(saved["records"]) != int(steps.sum()):
            raise CheckpointError(
                f"saved episodes: records: expected {int(steps.sum())} of them, found {len(saved['records'])}"
            )
        self._steps, self._most_steps = steps, int(steps.max())
        filled = torch.arange(self._part_length + 1, device=device) < steps[:, None]
        self._records[filled] = saved["records"].to(device)
        if self._snapshots:
            self._snapshots.parts = saved["snapshots"].to(device, copy=True)

    def _complete(self, lanes: Tensor, final: View, last: dict[str, Tensor]) -> list[Part]:
        """Close the lanes [F] with their final views [F, ...], and begin anew.

        last: columns [L] of what was done and earned last.
        """
        if len(lanes) == 0:
            return []
        steps = self._steps[lanes]
        columns = {**_view_columns(final), **{name: column[lanes] for name, column in last.items()}}
        if self._snapshots is not None:
            columns["recurrent_state"] = self._snapshots.part(self._steps)[lanes]
        self._writer.write(columns, lanes, steps, self._records)
        self._steps[lanes] = 0
        return [self._part(*ends) for ends in zip(lanes.tolist(), steps.tolist(), strict=True)]

    def _memory_columns(self, memory: Memory) -> dict[str, Tensor]:
        if self._snapshots is None:
            return {}
        return {
            "previous_action": memory.previous_action,
            "previous_reward": memory.previous_reward,
            "recurrent_state": self._snapshots.take(memory.state, self._steps),
        }

    def _part(self, lane: int, steps: int) -> Part:
        records = self._records[lane, : steps + 1].cpu().numpy()
        self._check_finite(lane, records[:-1])
        return Part(lane, records.tobytes())

    def _check_finite(self, lane: int, records: NDArray[np.uint8]) -> None:
        rewards = np.ascontiguousarray(records[:, self._rewards.offset : self._rewards.offset + self._rewards.size])
        if np.isfinite(rewards.view(np.float32)).all():
            return
        for name, values in decode(torch.from_numpy(rewards), self._rewards).items():
            wrong = torch.nonzero(~torch.isfinite(values))
            if len(wrong):
                at = int(wrong[0])
                raise NumericalError(
                    f"lane {lane}, step {at} of its episode: {name}: expected a finite number, "
                    f"found {float(values[at])}"
                )


class StateSnapshots:
    """Each lane's recurrent state as it was at the last multiple of `period` steps, to be stored part by part.

    parts: float32 [L, period, part_size].
    """

    def __init__(self, memory: MemorySpec, lanes: int, device: torch.device) -> None:
        self._period = memory.period
        self._padding = memory.period * memory.part_size - memory.state_size
        self.parts = torch.zeros(lanes, memory.period, memory.part_size, device=device)
        self._lanes = torch.arange(lanes, device=device)

    def take(self, state: Tensor, steps: Tensor) -> Tensor:
        """The parts float32 [L, part_size] due at `steps`, int64 [L]; `state`, float32 [L, S], is that of this step."""
        fresh = (steps % self._period == 0)[:, None, None]
        parts = functional.pad(state, (0, self._padding)).view_as(self.parts)
        self.parts = torch.where(fresh, parts, self.parts)
        return self.part(steps)

    def part(self, steps: Tensor) -> Tensor:
        """The parts float32 [L, part_size] due at `steps`, int64 [L], of the snapshots there are."""
        return self.parts[self._lanes, steps % self._period]


def _view_columns(view: View) -> dict[str, Tensor]:
    return {
        **{OBSERVATION + name: block for name, block in view.observation.items()},
        "action_mask": view.action_mask,
    }


def _rows(view: View, lanes: Tensor) -> View:
    return View({name: block[lanes] for name, block in view.observation.items()}, view.action_mask[lanes])
