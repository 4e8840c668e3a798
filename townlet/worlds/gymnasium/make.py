"""Makes environments from their settings, and says in one sentence why one cannot be made."""

import importlib
import os
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from townlet.errors import ConfigError
from townlet.worlds.gymnasium.settings import GymnasiumSettings, WrapperSettings

if TYPE_CHECKING:
    import gymnasium

    Environment = gymnasium.Env[Any, Any]

SUGGESTIONS = 3


@dataclass(frozen=True)
class Family:
    """Environments that one extra of Townlet brings. module: registers them when it is imported; None: gymnasium does.

    prefixes: how their IDs begin.
    """

    extra: str
    module: str | None
    prefixes: tuple[str, ...]


FAMILIES = (
    Family("atari", "ale_py", ("ALE/",)),
    Family("minigrid", "minigrid", ("MiniGrid-", "BabyAI-")),
    Family("popgym", "popgym", ("popgym-",)),
    Family("box2d", None, ("LunarLander", "BipedalWalker", "CarRacing")),
)


def make_environment(settings: GymnasiumSettings) -> "Environment":
    """A new environment in its wrappers. Raises ConfigError."""
    gymnasium = _import_gymnasium()
    _register(settings.id)
    kwargs = dict(settings.kwargs)
    if settings.step_cap is not None:
        kwargs["max_episode_steps"] = -1  # the lane counts
    if settings.atari is not None:
        kwargs["frameskip"] = 1
    try:
        environment: Environment = gymnasium.make(settings.id, disable_env_checker=True, **kwargs)
    except gymnasium.error.UnregisteredEnv:
        raise ConfigError(
            f"world.id: expected a registered environment, found {settings.id}{_nearest(settings.id)}"
        ) from None
    except gymnasium.error.DependencyNotInstalled as error:
        raise ConfigError(_missing(settings.id, error)) from None
    except Exception as error:
        said = describe(error.__cause__ or error)
        raise ConfigError(f"world: {settings.id} cannot be made with kwargs {settings.kwargs}: {said}") from None
    return _wrapped(environment, settings)


def describe(error: BaseException) -> str:
    """An exception of foreign code in one line, with the place that raised it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' if said else ''}{said}{where}"


def _import_gymnasium() -> Any:
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # it would greet on standard output
    try:
        return importlib.import_module("gymnasium")
    except ModuleNotFoundError as error:
        if error.name != "gymnasium":
            raise
        raise ConfigError(f"world.kind gymnasium: {_install('gymnasium')}") from None


def _register(name: str) -> None:
    """Import what registers the environment."""
    if ":" in name:
        module = name.partition(":")[0]
        if str(Path.cwd()) not in sys.path and "" not in sys.path:
            sys.path.insert(0, str(Path.cwd()))  # where a user's own module lies; a console script does not look there
        try:
            importlib.import_module(module)
        except Exception as error:
            raise ConfigError(f"world.id: module {module} of {name} cannot be imported: {describe(error)}") from None
        return
    family = _family(name)
    if family is not None and family.module is not None:
        try:
            importlib.import_module(family.module)
        except ModuleNotFoundError as error:
            raise ConfigError(_missing(name, error)) from None


def _family(name: str) -> Family | None:
    return next((f for f in FAMILIES if name.lower().startswith(tuple(prefix.lower() for prefix in f.prefixes))), None)


def _missing(name: str, error: Exception) -> str:
    family = _family(name)
    if family is None:
        return f"world.id: {name} needs what is not installed: {error}"
    return f"world.id: {name}: {_install(family.extra)} ({error})"


def _install(extra: str) -> str:
    return f"not installed; run: pip install 'townlet[{extra}]'"


def _nearest(name: str) -> str:
    """The registered IDs that look most like this one, of everything that is installed."""
    for family in FAMILIES:
        if family.module is not None:
            with suppress(ImportError):
                importlib.import_module(family.module)
    registered: Mapping[str, object] = importlib.import_module("gymnasium.envs.registration").registry
    near = get_close_matches(name.rpartition(":")[2], registered, SUGGESTIONS, cutoff=0.5)
    return f"; did you mean {', '.join(near)}?" if near else ""


def _wrapped(environment: "Environment", settings: GymnasiumSettings) -> "Environment":
    gymnasium = importlib.import_module("gymnasium")
    wrappers = gymnasium.wrappers
    try:
        if settings.ignore:
            environment = wrappers.FilterObservation(environment, _kept_keys(environment, settings))
        if settings.atari is not None:
            options = settings.atari.model_dump()
            environment = wrappers.AtariPreprocessing(environment, grayscale_obs=options.pop("grayscale"), **options)
        for wrapper in settings.wrappers:
            environment = _wrapper(wrapper)(environment, **wrapper.kwargs)
        if settings.frame_stack is not None:
            environment = wrappers.FrameStackObservation(environment, settings.frame_stack)
    except ConfigError:
        raise
    except (ImportError, gymnasium.error.DependencyNotInstalled) as error:
        raise ConfigError(_missing(settings.id, error)) from None
    except Exception as error:
        raise ConfigError(f"world: {settings.id} cannot be wrapped: {describe(error)}") from None
    return environment


def _kept_keys(environment: "Environment", settings: GymnasiumSettings) -> list[str]:
    space = environment.observation_space
    keys = [str(key) for key in getattr(space, "spaces", {})] if type(space).__name__ == "Dict" else []
    for ignored in settings.ignore:
        if ignored not in keys:
            known = ", ".join(keys) or f"none, for the observation of {settings.id} is no Dict"
            raise ConfigError(f"world.ignore: expected keys of the observation ({known}), found {ignored}")
    kept = [key for key in keys if key not in settings.ignore]
    if not kept:
        raise ConfigError(f"world.ignore: expected at least one key to be left, found all of {', '.join(keys)}")
    return kept


def _wrapper(wrapper: WrapperSettings) -> Any:
    module, _, name = wrapper.name.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"world.wrappers: {wrapper.name} cannot be imported: {error}") from None
