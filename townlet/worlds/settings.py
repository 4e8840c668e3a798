"""The kinds of worlds, as configuration."""

from typing import Annotated

from pydantic import Field

from townlet.worlds.gymnasium.settings import GymnasiumSettings
from townlet.worlds.hamlet.rules import HamletSettings
from townlet.worlds.recall.rules import RecallSettings

WorldSettings = Annotated[HamletSettings | RecallSettings | GymnasiumSettings, Field(discriminator="kind")]
"""Told apart by their `kind`. All have a `step_cap`, null where only the environment knows it, and a `measure`."""
