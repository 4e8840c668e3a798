"""From an observation to features: the part of a network that sees one moment. B is the batch."""

from collections.abc import Sequence
from itertools import pairwise
from math import isqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

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

    The planes are [C, H, W], or [H, W, C] with at most four channels.
    Raises ConfigError when the observation has no block of planes, or more than one.
    """

    def __init__(
        self, spec: EnvironmentSpec, channels: Sequence[int], spatial_features: int, block_features: int
    ) -> None:
        super().__init__()
        planes = only_block(spec, 3, "recurrent_spatial_q")
        self._planes = planes.name
        self._channels_last = _channels_last(planes)
        depth, height, width = (planes.shape[2], *planes.shape[:2]) if self._channels_last else planes.shape
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
        planes = observation[self._planes]
        if self._channels_last:
            planes = planes.movedim(-1, -3)
        parts = [self.spatial(planes.float())]
        parts += [layer(observation[name].flatten(1).float()) for name, layer in self.blocks.items()]
        return torch.cat(parts, dim=1)


class EgocentricEncoder(nn.Module):
    """Things on a grid by where they lie from the agent, whatever the layout. Returns float32 [B, hidden[-1]].

    The first layer is a Linear on all else that is seen, beside the one-hot offsets of each thing, x and y apart; as
    each is a single one, its products are looked up instead of multiplied.
    Raises ConfigError when there are no such blocks; see `EgocentricQSettings`.
    """

    def __init__(self, spec: EnvironmentSpec, centre: str, hidden: Sequence[int]) -> None:
        super().__init__()
        things = only_block(spec, 2, "egocentric_q")
        places = _places(spec, centre)
        count = things.shape[0]
        offsets = 2 * isqrt(len(places)) - 1
        self._centre, self._things = centre, things.name
        self._farthest = (offsets - 1) // 2
        self.register_buffer("_places", places, persistent=False)
        self.register_buffer("_first", offsets * torch.arange(2 * count).view(count, 2), persistent=False)
        self.rest = nn.Linear(spec.observation_size - len(places) - 2 * count, hidden[0])
        self.offsets = nn.EmbeddingBag(2 * count * offsets, hidden[0], mode="sum")
        bound = self.rest.in_features**-0.5
        nn.init.uniform_(self.offsets.weight, -bound, bound)
        layers: list[nn.Module] = [nn.LayerNorm(hidden[0]), nn.ReLU()]
        for before, after in pairwise(hidden):
            layers += [nn.Linear(before, after), nn.LayerNorm(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, observation: Observation) -> Tensor:
        """observation: blocks of [B, ...]."""
        things = observation[self._things].float()
        here = self.get_buffer("_places")[observation[self._centre].argmax(dim=1)]
        offset = ((things[..., :2] - here[:, None]) * self._farthest).round().long() + self._farthest
        offset = offset.clamp(0, 2 * self._farthest)  # what lies off the grid is at its edge
        rest = {name: block for name, block in observation.items() if name not in (self._centre, self._things)}
        seen = self.rest(torch.cat([flat(rest), things[..., 2:].flatten(1)], dim=1))
        features: Tensor = self.layers(seen + self.offsets((self.get_buffer("_first") + offset).flatten(1)))
        return features


def _places(spec: EnvironmentSpec, name: str) -> Tensor:
    """x and y of each cell of the grid whose one-hot cell the block is, float32 [G * G, 2] from 0 to 1."""
    block = next((block for block in spec.observation if block.name == name), None)
    side = isqrt(block.size) if block else 0
    if block is None or side < 2 or side**2 != block.size:
        blocks = ", ".join(f"{block.name} {list(block.shape)}" for block in spec.observation)
        raise ConfigError(f"network.centre: expected the name of a block of a square grid's cells, found {blocks}")
    x, y = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="xy")
    return torch.stack([x.flatten(), y.flatten()], dim=1) / (side - 1)


class EntityEncoder(nn.Module):
    """Attention over the rows of the one block [N, F] of the observation. Returns float32 [B, 2 * features].

    All else asks, each row answers: so what is where matters only as far as one who is hungry, say, looks for it. A row
    is known by its number too (an embedding), since affordances differ in more than their place.
    Raises ConfigError when there is no such block, or more than one.
    """

    def __init__(self, spec: EnvironmentSpec, features: int, heads: int) -> None:
        super().__init__()
        entities = only_block(spec, 2, "entity_q")
        self._entities = entities.name
        self._heads = heads
        rows, numbers = entities.shape
        self.rest = nn.Sequential(
            nn.Linear(spec.observation_size - entities.size, features), nn.LayerNorm(features), nn.ReLU()
        )
        self.row = nn.Linear(numbers, features)
        self.row_of_rest = nn.Linear(features, features)
        self.identity = nn.Parameter(0.1 * torch.randn(rows, features))
        self.answer = nn.Sequential(nn.LayerNorm(features), nn.ReLU(), nn.Linear(features, features), nn.ReLU())
        self.query = nn.Linear(features, features)
        self.key = nn.Linear(features, features)
        self.value = nn.Linear(features, features)
        self.out = nn.Sequential(nn.Linear(2 * features, 2 * features), nn.LayerNorm(2 * features), nn.ReLU())
        self.features = 2 * features

    def forward(self, observation: Observation) -> Tensor:
        """observation: blocks of [B, ...]."""
        rest = self.rest(flat({name: block for name, block in observation.items() if name != self._entities}))
        rows = self.row(observation[self._entities].float()) + self.identity + self.row_of_rest(rest)[:, None]
        rows = self.answer(rows)
        query, key, value = (
            tensor.unflatten(-1, (self._heads, -1)).transpose(-2, -3)
            for tensor in (self.query(rest)[:, None], self.key(rows), self.value(rows))
        )
        found = functional.scaled_dot_product_attention(query, key, value).flatten(1)
        features: Tensor = self.out(torch.cat([rest, found], dim=1))
        return features


class ImpalaEncoder(nn.Module):
    """Residual convolutions over an image (Espeholt et al. 2018, figure 3 right). Returns float32 [B, features].

    The image is [C, H, W], or [H, W, C] with at most four channels; uint8 is scaled to [0, 1] here and nowhere before.
    Other blocks join the features as they are. Raises ConfigError when there is no image, or more than one.
    """

    def __init__(self, spec: EnvironmentSpec, channels: Sequence[int], features: int) -> None:
        super().__init__()
        image = only_block(spec, 3, "impala_q")
        self._image = image.name
        self._scale = 1.0 / 255.0 if image.dtype == "uint8" else 1.0
        self._channels_last = _channels_last(image)
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


def _channels_last(planes: FieldSpec) -> bool:
    return planes.shape[2] <= 4 < planes.shape[0]


def only_block(spec: EnvironmentSpec, dimensions: int, network: str) -> FieldSpec:
    """The one block of the observation with so many dimensions."""
    found = [block for block in spec.observation if len(block.shape) == dimensions]
    if len(found) != 1:
        blocks = ", ".join(f"{block.name} {list(block.shape)}" for block in spec.observation)
        raise ConfigError(
            f"network.kind: {network} needs exactly one block of {dimensions} dimensions in the observation, "
            f"found {blocks}"
        )
    return found[0]
