"""The networks, as configuration. Needs no torch."""

from typing import Annotated, Literal

from pydantic import Field

from townlet.settings import Count, Settings


class FeedForwardSettings(Settings):
    """A network that remembers nothing."""

    @property
    def recurrent_hidden(self) -> int | None:
        """Width of the LSTM; None without one."""
        return None


class MlpQSettings(FeedForwardSettings):
    """Feed-forward Q-network on the flat observation: Linear, LayerNorm, ReLU a layer, then a dueling head."""

    kind: Literal["mlp_q"] = "mlp_q"
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] = (128, 128)


class EgocentricQSettings(FeedForwardSettings):
    """As `mlp_q`, but things on a grid are seen from where the agent stands, each by its two offsets.

    The observation has one block [N, F], whose rows begin with a thing's x and y on the grid, from 0 to 1.
    centre: the block that is the agent's one-hot cell in that square grid, row by row.
    """

    kind: Literal["egocentric_q"] = "egocentric_q"
    centre: str = "cell"
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] = (256, 128)


class EntityQSettings(FeedForwardSettings):
    """Feed-forward: attention over a set of things, such as the affordances of a typed full view; dueling head.

    features: of each thing, and of all else together. heads: of the attention.
    """

    kind: Literal["entity_q"] = "entity_q"
    features: Count = 64
    heads: Count = 4


class RecurrentMlpQSettings(Settings):
    """Linear and ReLU on the flat observation, joined by the previous action and reward; LSTM; dueling head."""

    kind: Literal["recurrent_mlp_q"] = "recurrent_mlp_q"
    features: Count = 128
    hidden: Count = 256

    @property
    def recurrent_hidden(self) -> int | None:
        """Width of the LSTM."""
        return self.hidden


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

    @property
    def recurrent_hidden(self) -> int | None:
        """Width of the LSTM."""
        return self.hidden


class ImpalaQSettings(Settings):
    """Residual convolutions over an image (Espeholt et al. 2018, figure 3 right); dueling head, after an LSTM if any.

    channels: of the three sections. features: of the image after them. hidden: of the LSTM; null for none.
    """

    kind: Literal["impala_q"] = "impala_q"
    channels: Annotated[tuple[Count, ...], Field(min_length=1)] = (16, 32, 32)
    features: Count = 256
    hidden: Count | None = 256

    @property
    def recurrent_hidden(self) -> int | None:
        """Width of the LSTM; None without one."""
        return self.hidden


NetworkSettings = Annotated[
    MlpQSettings
    | EgocentricQSettings
    | EntityQSettings
    | RecurrentMlpQSettings
    | RecurrentSpatialQSettings
    | ImpalaQSettings,
    Field(discriminator="kind"),
]
