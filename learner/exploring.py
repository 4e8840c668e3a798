"""How actors are told to explore. Pure."""

from protos import policy_pb2
from townlet.exploration import decayed, ladder_range
from townlet.exploration_settings import DecaySettings, LadderSettings


def exploration_of(
    settings: LadderSettings | DecaySettings, run_episodes: int, ladder_lanes: int
) -> policy_pb2.Exploration:
    """What a policy says of it. ladder_lanes: of all actors."""
    match settings:
        case DecaySettings():
            return policy_pb2.Exploration(epsilon=decayed(settings, run_episodes))
        case LadderSettings(base=base, exponent=exponent):
            return policy_pb2.Exploration(ladder=policy_pb2.Ladder(lanes=ladder_lanes, base=base, exponent=exponent))


def epsilon_range(settings: LadderSettings | DecaySettings, run_episodes: int) -> tuple[float, float]:
    """The smallest and the largest epsilon acted with."""
    match settings:
        case DecaySettings():
            epsilon = decayed(settings, run_episodes)
            return epsilon, epsilon
        case LadderSettings():
            return ladder_range(settings)
