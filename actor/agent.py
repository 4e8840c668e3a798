"""Acts in all lanes at once with the newest policy."""

import torch
from torch import Tensor

from actor.curiosity import Curiosity
from protos import policy_pb2
from townlet.checkpoint.form import Form, check_forms
from townlet.checkpoint.state import State
from townlet.exploration import epsilon_greedy, ladder
from townlet.exploration_settings import LadderSettings
from townlet.networks.acting import ActingNetwork
from townlet.networks.interface import QNetwork
from townlet.networks.memory import Memory
from townlet.policy import load_weights, take_up_parameters
from townlet.subscribe_call import ReceivedPolicy
from townlet.worlds.interface import Step, View


class Agent:
    """One batched forward pass for L lanes, then epsilon-greedy over the valid actions.

    first_lane: the place of these lanes among the lanes of all actors, for the ladder.
    generator: of the network's device; draws the exploration.
    curiosity: tells what is new; None for an agent that is not curious.
    """

    def __init__(
        self,
        network: QNetwork,
        lanes: int,
        first_lane: int,
        generator: torch.Generator,
        curiosity: Curiosity | None = None,
    ) -> None:
        self.policy_version = 0
        self._acting = ActingNetwork(network.eval().requires_grad_(False), lanes, generator.device)
        self._lanes = lanes
        self._first_lane = first_lane
        self._generator = generator
        self._curiosity = curiosity
        self._epsilon = torch.ones(lanes, device=generator.device)

    @property
    def epsilon(self) -> Tensor:
        """The chance with which each lane explores, float32 [L]."""
        return self._epsilon

    def adopt(self, policy: ReceivedPolicy) -> None:
        """Act with this policy from now on. Raises CheckpointError when its weights do not fit the network."""
        load_weights(self._acting.network, policy.weights, f"policy {policy.version}")
        if self._curiosity is not None:
            self._curiosity.adopt(policy)
        self._epsilon = self._epsilon_of(policy.rest.exploration).to(self._generator.device)
        self.policy_version = policy.version

    def act(self, view: View) -> Tensor:
        """Actions int64 [L]."""
        lanes, actions = view.action_mask.shape
        uniform = torch.rand(lanes, actions + 1, generator=self._generator, device=self._generator.device)
        return epsilon_greedy(self._acting.q(view), view.action_mask, self._epsilon, uniform)

    def novelty(self, step: Step) -> Tensor | None:
        """How new what `step` led to is, raw, float32 [L]; None for an agent that is not curious."""
        return None if self._curiosity is None else self._curiosity.novelty(step)

    @property
    def memory(self) -> Memory:
        """With what the lanes came to the step they act in."""
        return self._acting.memory

    def remember(self, action: Tensor, step: Step) -> None:
        """Move on, once `action` has brought `step`."""
        self._acting.remember(action, step)

    def begin_anew(self) -> None:
        """All lanes begin an episode."""
        self._acting.begin_anew()

    def state_dict(self) -> State:
        """All that the next actions depend on, as copies: the policy as it was adopted, too."""
        return {
            "policy_version": self.policy_version,
            "network": {name: tensor.clone() for name, tensor in self._acting.network.state_dict().items()},
            "curiosity": self._curiosity.state_dict() if self._curiosity else {},
            "memory": self._acting.state_dict(),
            "epsilon": self._epsilon.clone(),
            "generator": self._generator.get_state(),
        }

    def load_state_dict(self, saved: State) -> None:
        """Act as the one that was saved. Raises CheckpointError when it was of another kind: then use neither."""
        forms = {name: Form.of(value) for name, value in self.state_dict().items()}
        check_forms("saved agent", saved, {**forms, "policy_version": Form("int", least=0)})
        take_up_parameters("saved agent", self._acting.network, saved["network"])
        if self._curiosity is not None:
            self._curiosity.load_state_dict(saved["curiosity"])
        self._acting.load_state_dict(saved["memory"])
        self._epsilon = saved["epsilon"].to(self._generator.device, copy=True)
        self._generator.set_state(saved["generator"].cpu())
        self.policy_version = saved["policy_version"]

    def _epsilon_of(self, exploration: policy_pb2.Exploration) -> Tensor:
        if exploration.HasField("ladder"):
            rungs = LadderSettings(base=exploration.ladder.base, exponent=exploration.ladder.exponent)
            return ladder(rungs, self._first_lane, self._lanes, exploration.ladder.lanes)
        return torch.full((self._lanes,), exploration.epsilon)
