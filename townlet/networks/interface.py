"""The two kinds of Q-network, feed-forward and recurrent. B is the batch, T time, A actions, S state_size."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from townlet.networks.heads import DuelingHead
from townlet.networks.memory import Inputs, Memory
from townlet.worlds.interface import Observation


class FeedForwardQ(nn.Module):
    """Q values from one observation. encoder: observation -> float32 [B, features]."""

    state_size = 0

    def __init__(self, encoder: nn.Module, features: int, actions: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = DuelingHead(features, actions)

    def forward(self, observation: Observation) -> Tensor:
        """observation: blocks of [B, ...]. Returns Q, float32 [B, A]."""
        q: Tensor = self.head(self.encoder(observation))
        return q

    def step(self, observation: Observation, memory: Memory) -> tuple[Tensor, Tensor]:
        """Q, float32 [B, A], and the next state, here always the same empty one."""
        return self(observation), memory.state


class RecurrentQ(nn.Module):
    """Q values from all that was seen, done and earned so far.

    Features of the observation, one-hot previous action and previous reward -> LSTM -> LayerNorm -> Linear -> ReLU ->
    dueling head. The state is the LSTM's h and c, one after the other.
    """

    def __init__(self, encoder: nn.Module, features: int, actions: int, hidden: int, head_features: int) -> None:
        super().__init__()
        self.state_size = 2 * hidden
        self._actions = actions
        self.encoder = encoder
        self.lstm = nn.LSTM(features + actions + 1, hidden, batch_first=True)
        self.out = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, head_features), nn.ReLU())
        self.head = DuelingHead(head_features, actions)

    def step(self, observation: Observation, memory: Memory) -> tuple[Tensor, Tensor]:
        """One step of B lanes: Q, float32 [B, A], and the next state, float32 [B, S]."""
        inputs = Inputs(
            {name: block[:, None] for name, block in observation.items()},
            memory.previous_action[:, None],
            memory.previous_reward[:, None],
        )
        q, state = self.unroll(self.moments(inputs), memory.state)
        return q[:, 0], state

    def unroll(self, moments: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """T steps at once, the state carried through all of them: Q, float32 [B, T, A], and the state after them."""
        hidden, after = self.lstm(moments, _split(state))
        return self.head(self.out(hidden)), _join(after)

    def burn_in(self, moments: Tensor, state: Tensor, real: Tensor, period: int) -> Tensor:
        """The state after those of T steps that are real, bool [B, T]; padding leaves it as it is.

        period: padding begins and ends only at multiples of so many steps, which are then fed at once.
        """
        if real.shape[1] == 0:
            return state
        for steps, are_real in zip(torch.split(moments, period, 1), torch.split(real, period, 1), strict=True):
            after = _join(self.lstm(steps, _split(state))[1])
            state = torch.where(are_real[:, :1], after, state)
        return state

    def moments(self, inputs: Inputs) -> Tensor:
        """What the LSTM sees of each step, float32 [B, T, features + A + 1]; no step depends on another."""
        batch, steps = inputs.previous_action.shape
        seen = self.encoder({name: block.flatten(0, 1) for name, block in inputs.observation.items()})
        done = functional.one_hot(inputs.previous_action, self._actions + 1)[..., 1:].float()
        # Rewards come in all sizes; their logarithm keeps the sign and fits beside the other features.
        earned = inputs.previous_reward.sign() * inputs.previous_reward.abs().log1p()
        return torch.cat([seen.unflatten(0, (batch, steps)), done, earned[..., None]], dim=-1)


QNetwork = FeedForwardQ | RecurrentQ


def _split(state: Tensor) -> tuple[Tensor, Tensor]:
    h, c = state[None].chunk(2, dim=-1)
    return h.contiguous(), c.contiguous()


def _join(state: tuple[Tensor, Tensor]) -> Tensor:
    return torch.cat(state, dim=-1)[0]
