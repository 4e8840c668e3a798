"""A network that lives through steps: it sees, chooses, and carries its memory along. L lanes, A actions."""

from dataclasses import replace

import torch
from torch import Tensor

from townlet.checkpoint.form import Form, check_forms
from townlet.networks.interface import QNetwork
from townlet.networks.memory import Memory
from townlet.worlds.interface import Step, View


class ActingNetwork:
    """One forward pass a step for all lanes. The memory it acts with is its own: training never touches it.

    memory: with what the lanes come to the next step.
    """

    def __init__(self, network: QNetwork, lanes: int, device: torch.device) -> None:
        self.network = network
        self.memory = Memory.empty(lanes, network.state_size, device)
        self._next_state = self.memory.state

    @torch.no_grad()
    def q(self, view: View) -> Tensor:
        """Q, float32 [L, A], of what the lanes see now."""
        q, self._next_state = self.network.step(view.observation, self.memory)
        return q

    def remember(self, action: Tensor, step: Step) -> None:
        """Move on, once `action`, int64 [L], has brought `step`. Lanes that finished begin with an empty memory.

        A feed-forward network has nothing to remember: its memory stays empty.
        """
        if self.network.state_size:
            self.memory = self.memory.after(self._next_state, action, step)

    def state_dict(self) -> dict[str, Tensor]:
        """The memory, as copies; the network is saved where it is trained."""
        return {name: tensor.clone() for name, tensor in vars(self.memory).items()}

    def load_state_dict(self, saved: dict[str, Tensor]) -> None:
        """Take up a memory. Raises CheckpointError when it cannot be one of these lanes; then nothing has changed."""
        check_forms("saved memory", saved, {name: Form.of(tensor) for name, tensor in vars(self.memory).items()})
        device = self.memory.state.device
        self.memory = Memory(**{name: tensor.to(device, copy=True) for name, tensor in saved.items()})

    def begin_anew(self) -> None:
        """All lanes begin an episode, with an empty memory."""
        self.memory = self.memory.without(torch.ones_like(self.memory.previous_action, dtype=torch.bool))

    def forget(self) -> None:
        """Cut the recurrent state of all lanes to zero."""
        self.memory = replace(self.memory, state=torch.zeros_like(self.memory.state))
