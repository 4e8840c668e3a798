"""From an observation to features: the part of a network that sees one moment. B is the batch."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from townlet.errors import ConfigError
from townlet.specs import EnvironmentSpec, FieldSpec
from townlet.worlds.interface import Observation


def flat(observation: Observation) -> Tensor:
    """The flat observation, float32 [B, observation_size]: all blocks, flattened, one after the other."""
    return torch.cat([block.flatten(1).float() for block in observation.values()], dim=1)


class FlatEncoder(nn.Module):
    """Linear, LayerNorm, ReLU a layer, on the flat observation. Returns float32 [B, hidden[-1]]."""

    def __init__(self, spec: EnvironmentSpec, hidden: Sequence[int], *, normalised: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise((spec.observation_size, *hidden)):
            layers += [nn.Linear(before, after), *([nn.LayerNorm(after)] if normalised else []), nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, observation: Observation) -> Tensor:
        """observation: blocks of [B, ...]."""
        features: Tensor = self.layers(flat(observation))
        return features


class SpatialEncoder(nn.Module):
    """Two 3x3 convolutions over the planes, a layer for each other block. Returns float32 [B, features].

    Raises ConfigError when the observation has no block of planes [C, H, W], or more than one.
    """

    def __init__(
        self, spec: EnvironmentSpec, channels: Sequence[int], spatial_features: int, block_features: int
    ) -> None:
        super().__init__()
        planes = only_planes(spec, "recurrent_spatial_q")
        self._planes = planes.name
        depth, height, width = planes.shape
        self.spatial = nn.Sequential(
            nn.Conv2d(depth, channels[0], 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels[0], channels[1], 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(channels[1] * height * width, spatial_features),
            nn.LayerNorm(spatial_features),
            nn.ReLU(),
        )
        self.blocks = nn.ModuleDict(
            {
                block.name: nn.Sequential(nn.Linear(block.size, block_features), nn.ReLU())
                for block in spec.observation
                if block is not planes
            }
        )
        self.features = spatial_features + block_features * len(self.blocks)

    def forward(self, observation: Observation) -> Tensor:
        """observation: blocks of [B, ...]."""
        parts = [self.spatial(observation[self._planes].float())]
        parts += [layer(observation[name].flatten(1).float()) for name, layer in self.blocks.items()]
        return torch.cat(parts, dim=1)


class ImpalaEncoder(nn.Module):
    """Residual convolutions over an image (Espeholt et al. 2018, figure 3 right). Returns float32 [B, features].

    The image is [C, H, W], or [H, W, C] with at most four channels; uint8 is scaled to [0, 1] here and nowhere before.
    Other blocks join the features as they are. Raises ConfigError when there is no image, or more than one.
    """

    def __init__(self, spec: EnvironmentSpec, channels: Sequence[int], features: int) -> None:
        super().__init__()
        image = only_planes(spec, "impala_q")
        self._image = image.name
        self._scale = 1.0 / 255.0 if image.dtype == "uint8" else 1.0
        self._channels_last = image.shape[2] <= 4 < image.shape[0]
        depth, *size = (image.shape[2], *image.shape[:2]) if self._channels_last else image.shape
        sections: list[nn.Module] = []
        for before, after in pairwise((depth, *channels)):
            sections += [
                nn.Conv2d(before, after, 3, padding=1),
                nn.MaxPool2d(3, stride=2, padding=1),
                _Residual(after),
                _Residual(after),
            ]
            size = [(length + 1) // 2 for length in size]
        self.sections = nn.Sequential(*sections, nn.ReLU(), nn.Flatten())
        self.out = nn.Sequential(nn.Linear(channels[-1] * size[0] * size[1], features), nn.ReLU())
        self.features = features + spec.observation_size - image.size

    def forward(self, observation: Observation) -> Tensor:
        """observation: blocks of [B, ...]."""
        image = observation[self._image]
        if self._channels_last:
            image = image.movedim(-1, -3)
        parts = [self.out(self.sections(image.float() * self._scale))]
        parts += [block.flatten(1).float() for name, block in observation.items() if name != self._image]
        return torch.cat(parts, dim=1)


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, planes: Tensor) -> Tensor:
        changed: Tensor = planes + self.layers(planes)
        return changed


def only_planes(spec: EnvironmentSpec, network: str) -> FieldSpec:
    """The one block of the observation that is an image or planes."""
    found = [block for block in spec.observation if len(block.shape) == 3]
    if len(found) != 1:
        blocks = ", ".join(f"{block.name} {list(block.shape)}" for block in spec.observation)
        raise ConfigError(
            f"network.kind: {network} needs exactly one block of three dimensions in the observation, found {blocks}"
        )
    return found[0]
