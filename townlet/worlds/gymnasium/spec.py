"""What a Gymnasium environment looks like from outside: it has to be made once to be asked. Needs no torch."""

from functools import cache

from townlet.errors import ConfigError
from townlet.specs import EnvironmentSpec
from townlet.worlds.gymnasium.make import make_environment
from townlet.worlds.gymnasium.settings import GymnasiumSettings


def environment_spec(settings: GymnasiumSettings) -> EnvironmentSpec:
    """The blocks that `townlet.worlds.gymnasium.blocks` describes. Asked once a process. Raises ConfigError."""
    return _asked(settings.model_dump_json())


@cache
def _asked(settings_json: str) -> EnvironmentSpec:
    settings = GymnasiumSettings.model_validate_json(settings_json)
    environment = make_environment(settings)
    try:
        from townlet.worlds.gymnasium.blocks import Actions, Blocks  # imports gymnasium, which is known to be there now

        registered = environment.spec.max_episode_steps if environment.spec is not None else None
        step_cap = settings.step_cap or registered
        if step_cap is None:
            raise ConfigError(
                f"world.step_cap: expected a number of steps, found null, and {settings.id} registers none"
            )
        return EnvironmentSpec(
            observation=Blocks(settings.id, environment.observation_space).specs,
            actions=Actions.of(settings.id, environment.action_space).count,
            step_cap=step_cap,
        )
    finally:
        environment.close()
