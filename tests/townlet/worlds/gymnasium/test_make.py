"""What cannot be made is told in one sentence that says what to do; what can is wrapped as configured."""

import sys

import pytest
from pydantic import ValidationError

from townlet.errors import ConfigError
from townlet.worlds.gymnasium.make import make_environment
from townlet.worlds.gymnasium.settings import GymnasiumSettings
from townlet.worlds.gymnasium.spec import _asked as spec_of_one_process
from townlet.worlds.gymnasium.spec import environment_spec

SAMPLED = "toy_environments:Sampled-v0"


def refusal(**settings) -> str:
    with pytest.raises(ConfigError) as caught:
        environment_spec(GymnasiumSettings(**settings))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def blocks(**settings) -> dict[str, tuple[str, tuple[int, ...]]]:
    spec = environment_spec(GymnasiumSettings(**settings))
    return {block.name: (block.dtype, block.shape) for block in spec.observation}


def test_an_unknown_id_is_answered_with_the_nearest_known_ones():
    said = refusal(id="CartPol-v1")
    assert said.startswith("world.id: expected a registered environment, found CartPol-v1; did you mean CartPole-v1")
    assert "did you mean CartPole-v1, CartPole-v0" in refusal(id="CartPole-v7")
    assert "found toy_environments:Toi-v0; did you mean Toy-v0" in refusal(id="toy_environments:Toi-v0")


def test_an_id_far_from_any_other_is_refused_alone():
    assert refusal(id="qqqqqqqqqqqq-v0") == "world.id: expected a registered environment, found qqqqqqqqqqqq-v0"


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("MiniGrid-MemoryS7-v0", "minigrid", "minigrid"),
        ("popgym-RepeatPreviousEasy-v0", "popgym", "popgym"),
        ("ALE/Pong-v5", "ale_py", "atari"),
        ("ALE/Pong-v5", "cv2", "atari"),
        ("LunarLander-v3", "Box2D", "box2d"),
        ("CartPole-v1", "gymnasium", "gymnasium"),
    ],
)
def test_a_missing_extra_is_named_with_the_line_that_installs_it(monkeypatch, name, module, extra):
    spec_of_one_process.cache_clear()
    for loaded in [loaded for loaded in sys.modules if loaded.startswith("gymnasium.envs.box2d")]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, module, None)
    assert f"not installed; run: pip install 'townlet[{extra}]'" in refusal(
        id=name, atari={} if "ALE" in name else None
    )


def test_a_module_that_cannot_be_imported_is_named_with_its_reason(tmp_path, monkeypatch):
    assert "world.id: module nobody.here of nobody.here:Env-v0 cannot be imported: " in refusal(id="nobody.here:Env-v0")
    (tmp_path / "broken_environments.py").write_text("x = 1\ny = x / 0\n")
    monkeypatch.chdir(tmp_path)
    said = refusal(id="broken_environments:Env-v0")
    assert said.endswith(f"ZeroDivisionError: division by zero ({tmp_path}/broken_environments.py:2)")


def test_a_module_beside_the_user_is_found(tmp_path, monkeypatch):
    (tmp_path / "my_toys.py").write_text(
        "import gymnasium\nimport toy_environments\n"
        "gymnasium.register('Mine-v0', toy_environments.Toy, max_episode_steps=9)\n"
    )
    monkeypatch.chdir(tmp_path)
    assert environment_spec(GymnasiumSettings(id="my_toys:Mine-v0")).step_cap == 9


def test_arguments_that_do_not_fit_are_told_with_the_environments_own_words():
    said = refusal(id="CartPole-v1", kwargs={"pole": 2})
    assert said.startswith("world: CartPole-v1 cannot be made with kwargs {'pole': 2}: TypeError: ")
    assert "unexpected keyword argument 'pole'" in said


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ("text", "observation block word: expected Box, Discrete, MultiDiscrete, MultiBinary, or Dict or Tuple of "),
        ("text", "leave it out with world.ignore: [word]"),
        ("sequence", "observation block observation: expected Box, "),
        ("tuple of text", "observation block 1: expected Box, "),
        ("complex", "observation block observation: expected a Box that is not empty, of dtype bool, uint8, int8, "),
        ("twins", "expected observation blocks of different names, found a.b twice"),
    ],
)
def test_a_space_that_is_not_supported_is_named_with_those_that_are(space, words):
    said = refusal(id=SAMPLED, kwargs={"name": space})
    assert said.startswith(f"world: {SAMPLED}: ")
    assert words in said


def test_actions_that_are_not_discrete_are_refused():
    assert "action space: expected Discrete, found Box" in refusal(id="toy_environments:Steered-v0")


def test_an_environment_without_a_time_limit_needs_one():
    said = refusal(id="toy_environments:Endless-v0")
    assert said == (
        "world.step_cap: expected a number of steps, found null, and toy_environments:Endless-v0 registers none"
    )
    assert environment_spec(GymnasiumSettings(id="toy_environments:Endless-v0", step_cap=5)).step_cap == 5
    assert environment_spec(GymnasiumSettings(id="toy_environments:Toy-v0")).step_cap == 6


def test_keys_of_a_dict_can_be_left_out():
    assert blocks(id=SAMPLED, kwargs={"name": "text"}, ignore=("word",)) == {"near": ("uint8", (3,))}
    assert blocks(id=SAMPLED, kwargs={"name": "pair"}, ignore=("near",)) == {"far": ("float32", (2,))}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"id": SAMPLED, "kwargs": {"name": "text"}, "ignore": ("wort",)}, "(near, word), found wort"),
        ({"id": "CartPole-v1", "ignore": ("x",)}, "(none, for the observation of CartPole-v1 is no Dict), found x"),
        (
            {"id": SAMPLED, "kwargs": {"name": "pair"}, "ignore": ("far", "near")},
            "expected at least one key to be left",
        ),
    ],
)
def test_ignoring_what_is_not_there_is_refused(settings, words):
    assert words in refusal(**settings)


def test_frames_are_stacked():
    assert blocks(id="CartPole-v1", frame_stack=4) == {"observation": ("float32", (4, 4))}
    assert blocks(id=SAMPLED, kwargs={"name": "text"}, ignore=("word",), frame_stack=2) == {"near": ("uint8", (6,))}


def test_any_wrapper_can_be_named():
    flattened = {"name": "gymnasium.wrappers:FlattenObservation"}
    found = blocks(id=SAMPLED, kwargs={"name": "pixels"}, wrappers=(flattened,))
    assert found == {"observation": ("uint8", (48,))}
    stacked = {"name": "gymnasium.wrappers:FrameStackObservation", "kwargs": {"stack_size": 2}}
    found = blocks(id=SAMPLED, kwargs={"name": "pixels"}, wrappers=(flattened, stacked))
    assert found == {"observation": ("uint8", (2, 48))}


def test_a_wrapper_that_is_not_there_or_does_not_fit_is_named():
    said = refusal(id="CartPole-v1", wrappers=({"name": "gymnasium.wrappers:Nothing"},))
    assert said.startswith("world.wrappers: gymnasium.wrappers:Nothing cannot be imported: ")
    said = refusal(id="CartPole-v1", atari={})
    assert said.startswith("world: CartPole-v1 cannot be ")


def test_an_atari_picture_is_small_grey_and_uint8():
    pytest.importorskip("ale_py", reason="needs townlet[atari]")
    small = {"screen_size": 42}
    assert blocks(id="ALE/Pong-v5", step_cap=100, atari=small, frame_stack=4) == {"observation": ("uint8", (4, 42, 42))}
    colour = {"screen_size": 42, "grayscale": False}
    assert blocks(id="ALE/Pong-v5", step_cap=100, atari=colour) == {"observation": ("uint8", (42, 42, 3))}


def test_the_limit_that_is_configured_replaces_the_registered_one():
    environment = make_environment(GymnasiumSettings(id="toy_environments:Toy-v0", step_cap=50))
    environment.reset(seed=1)
    assert [environment.step(10)[3] for _ in range(9)] == [False] * 9
    environment.close()


def test_a_timeout_needs_somebody_who_can_interrupt():
    with pytest.raises(ValidationError, match="expected workers of at least 1, found 0"):
        GymnasiumSettings(id="CartPole-v1", step_timeout_s=1.0)
