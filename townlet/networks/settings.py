"""The networks, as configuration. Needs no torch."""

from typing import Annotated, Literal

from pydantic import Field

from townlet.settings import Count, Settings


class MlpQSettings(Settings):
    """Feed-forward Q-network on the flat observation: Linear, LayerNorm, ReLU a layer, then a dueling head."""

    kind: Literal["mlp_q"] = "mlp_q"
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] = (128, 128)


class EntityQSettings(Settings):
    """Feed-forward: attention over a set of things, such as the affordances of a typed full view; dueling head.

    features: of each thing, and of all else together. heads: of the attention.
    relative_to: a block that is the one-hot cell of a square grid, row by row; then the first two numbers of a thing
        are its x and y on that grid, from 0 to 1, and are also seen from that cell.
    """

    kind: Literal["entity_q"] = "entity_q"
    relative_to: str | None = None
    features: Count = 64
    heads: Count = 4


class RecurrentMlpQSettings(Settings):
    """Linear and ReLU on the flat observation, joined by the previous action and reward; LSTM; dueling head."""

    kind: Literal["recurrent_mlp_q"] = "recurrent_mlp_q"
    features: Count = 128
    hidden: Count = 256


class RecurrentSpatialQSettings(Settings):
    """Convolutions over the observation's planes, a small layer for each other block; LSTM; dueling head.

    channels: of the two 3x3 convolutions. spatial_features: of the planes after them. block_features: of each other
    block. hidden: of the LSTM. features: between LSTM and head.
    """

    kind: Literal["recurrent_spatial_q"] = "recurrent_spatial_q"
    channels: Annotated[tuple[Count, ...], Field(min_length=2, max_length=2)] = (16, 32)
    spatial_features: Count = 128
    block_features: Count = 32
    hidden: Count = 256
    features: Count = 128


class ImpalaQSettings(Settings):
    """Residual convolutions over an image (Espeholt et al. 2018, figure 3 right); dueling head, after an LSTM if any.

    channels: of the three sections. features: of the image after them. hidden: of the LSTM; null for none.
    """

    kind: Literal["impala_q"] = "impala_q"
    channels: Annotated[tuple[Count, ...], Field(min_length=1)] = (16, 32, 32)
    features: Count = 256
    hidden: Count | None = 256


NetworkSettings = Annotated[
    MlpQSettings | EntityQSettings | RecurrentMlpQSettings | RecurrentSpatialQSettings | ImpalaQSettings,
    Field(discriminator="kind"),
]
