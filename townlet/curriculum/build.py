"""The one place that builds curricula from their settings."""

from townlet.curriculum.interface import Curriculum
from townlet.curriculum.rules import Adversarial, Staged
from townlet.curriculum.settings import AdversarialSettings, StagedSettings, StaticSettings
from townlet.curriculum.stages import Stages
from townlet.curriculum.static import Static


def build_curriculum(settings: StaticSettings | AdversarialSettings | StagedSettings, lanes: int) -> Curriculum:
    """A curriculum whose lanes all begin at its first stage."""
    count = len(settings.difficulties)
    match settings:
        case StaticSettings():
            return Static(lanes)
        case AdversarialSettings():
            return Stages(Adversarial(settings), lanes, count, settings.window_episodes)
        case StagedSettings():
            return Stages(Staged(settings), lanes, count, settings.window_episodes)
