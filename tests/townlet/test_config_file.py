"""Bad input gets one sentence that names the file, the key, what was expected and what was found."""

from pathlib import Path

import pytest

from townlet.config import Config
from townlet.config_file import dump_config, load_config
from townlet.errors import ConfigError

CONFIGS = Path(__file__).parents[2] / "configs"
L1 = CONFIGS / "L1_full.yaml"


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "mine.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text.replace("L1", str(L1)))
        return path

    return write


def message(path: Path, *overrides: str, **environment: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides, environment)
    return str(caught.value)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_configuration_loads_and_survives_a_dump(path, tmp_path):
    """Pitfall 25: the shipped example did not load."""
    config = load_config(path)
    (tmp_path / "dumped.yaml").write_text(dump_config(config))
    assert load_config(tmp_path / "dumped.yaml") == config


@pytest.mark.parametrize("preset", sorted((CONFIGS / "presets").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_preset_goes_with_a_level(preset, write):
    config = load_config(write(f"extends: [L1, {preset}]"))
    assert config.sequence is not None


def test_numbers_as_people_write_them_are_numbers(write):
    """Pitfall 26: 1e-3 was parsed as a string."""
    config = load_config(write("extends: L1\nlearner: {learning_rate: 1e-3}"))
    assert config.learner.learning_rate == 1e-3
    assert load_config(L1, ["learner.learning_rate=5E-4"]).learner.learning_rate == 5e-4


def test_later_sources_win(write):
    path = write("extends: L1\nlearner: {gamma: 0.5, n_step: 2}")
    environment = {"TOWNLET__LEARNER__GAMMA": "0.6", "TOWNLET__LEARNER__N_STEP": "3", "HOME": "/"}
    config = load_config(path, ["learner.gamma=0.7"], environment)
    assert (config.learner.gamma, config.learner.n_step) == (0.7, 3)


def test_an_unknown_key_is_refused_with_the_nearest_known_one(write):
    """Pitfall 11: an unused key is an error."""
    path = write("extends: L1\nlearner: {learning_rte: 0.1}")
    assert message(path) == f"{path}: learner.learning_rte: unknown key; did you mean learning_rate?"


def test_a_missing_key_is_named(write):
    path = write("seed: 1")
    assert message(path) == f"{path}: world: a required key is missing"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("learner: {batch_size: many}", "learner.batch_size: expected a valid integer, found 'many'"),
        ("learner: {batch_size: 0}", "learner.batch_size: expected greater than or equal to 1, found 0"),
        ("learner: {gamma: 1.0}", "learner.gamma: expected less than 1, found 1.0"),
        ("learner: {gamma: .nan}", "learner.gamma: expected a finite number, found nan"),
        ("learner: {batch_size: 64.5}", "learner.batch_size: expected a valid integer"),
        ("seed: true", "seed: expected a valid integer, found True"),
        ("learner: {target: {kind: polyack}}", "learner.target: expected one of 'polyak', 'copy'"),
        ("learner: {target: {tau: 0.1}}", "learner.target: a required key is missing: 'kind'"),
        ("learner: 5", "learner: expected "),
        ("world: {kind: mars}", "world: expected one of 'hamlet', 'recall', 'gymnasium'"),
        (
            "evaluation: {goal: {mean_survival: null}}",
            "evaluation.goal: expected one of mean_survival and mean_return, found none",
        ),
        (
            "evaluation: {goal: {hold: 1, mean_return: 2, mean_survival: 3}}",
            "evaluation.goal: expected one of mean_survival and mean_return, found mean_survival and mean_return",
        ),
        ("replay: {addresses: [nowhere]}", "replay.addresses.0: expected "),
        ("schedule: {kind: lockstep, lag: 2}", "schedule.lag: expected less than or equal to 1, found 2"),
        (
            "schedule: {kind: lockstep}\nreplay: {samples_per_insert: null}",
            "schedule.updates_per_round: expected a number, since replay.samples_per_insert is null, found null",
        ),
        (
            "schedule: {kind: lockstep}\nreplay: {addresses: ['a:1', 'b:1']}",
            "replay.addresses: expected at most 1 shards, one for each actor, found 2",
        ),
    ],
)
def test_wrong_values_are_refused(write, text, words):
    path = write(f"extends: L1\n{text}")
    assert message(path).startswith(f"{path}: {words}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("world: {kind: gymnasium}", "world.id: a required key is missing"),
        (
            "world: {kind: gymnasium, id: A-v0, step_timeout_s: 1.0}",
            "world: step_timeout_s: expected workers of at least 1",
        ),
        (
            "world: {kind: gymnasium, id: A-v0, atari: {frames: 4}}",
            "world.atari.frames: unknown key; did you mean frame_",
        ),
        (
            "world: {kind: gymnasium, id: A-v0, frame_stack: 1}",
            "world.frame_stack: expected greater than or equal to 2",
        ),
        ("world: {kind: gymnasium, id: A-v0, wrappers: [{name: x}]}", "world.wrappers.0.name: expected "),
    ],
)
def test_wrong_values_of_a_gymnasium_world_are_refused(write, text, words):
    path = write(text)
    assert message(path).startswith(f"{path}: {words}")


def test_the_source_of_a_bad_value_is_the_file_variable_or_option_that_set_it(write):
    base = write("extends: L1\nlearner: {gamma: 7}", "base.yaml")
    child = write(f"extends: {base}\nseed: 3", "child.yaml")
    assert message(child).startswith(f"{base}: learner.gamma: ")
    assert message(L1, "learner.gamma=7").startswith("--set learner.gamma=7: learner.gamma: ")
    assert message(L1, TOWNLET__LEARNER__GAMMA="7").startswith("$TOWNLET__LEARNER__GAMMA: learner.gamma: ")
    assert "unknown key" in message(L1, TOWNLET__LERNER__GAMMA="7")


def test_all_errors_are_told_at_once(write):
    path = write("extends: L1\nlearner: {gamma: 7, n_step: 0}\nsed: 1")
    assert len(message(path).splitlines()) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("learner: {gamma: 0.5, gamma: 0.6}", "line 1, column 23: key 'gamma' stands twice"),
        ("learner: [", "line 1"),
        ("- 1", "expected a mapping of keys to values, found list"),
        ("on: 1", "key True: expected a word; put it in quotes"),
        ("extends: 5", "extends: expected the name of a file, found 5"),
    ],
)
def test_files_that_are_no_configuration_are_refused(write, text, words):
    path = write(text)
    assert message(path).startswith(f"{path}: ")
    assert words in message(path)


def test_missing_files_are_named(write, tmp_path):
    assert message(tmp_path / "none.yaml") == f"{tmp_path}/none.yaml: cannot be read: No such file or directory"
    path = write("extends: none.yaml")
    assert message(path) == f"{tmp_path}/none.yaml (which {path} extends): cannot be read: No such file or directory"


def test_files_that_extend_each_other_are_refused(write):
    write("extends: b.yaml", "a.yaml")
    assert "extends itself" in message(write("extends: a.yaml", "b.yaml"))


def test_an_override_without_a_value_is_refused():
    assert message(L1, "learner.gamma") == (
        "--set learner.gamma: expected path=value, such as --set learner.gamma=0.95"
    )


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["replay.min_size_to_sample=400000"], "replay.min_size_to_sample: expected at most 250000"),
        (["replay.samples_per_insert_tolerance=10"], "replay.samples_per_insert_tolerance: expected at least"),
        (["replay.capacity=100"], "replay.capacity: expected at least"),
    ],
)
def test_settings_with_which_the_run_would_wait_for_ever_are_refused(overrides, words):
    """Pitfall 27: a configuration that can never proceed hangs for ever with no message."""
    assert words in message(L1, "replay.capacity=500000", *overrides)


def test_the_digest_is_of_what_is_learnt_and_not_of_where():
    def digest(*overrides: str) -> str:
        return load_config(L1, overrides).digest()

    same = [digest(), digest("run.name=other"), digest("learner.address=127.0.0.1:5"), digest("checkpoint.root=/mnt")]
    same += [digest("learner.listen=0.0.0.0:1"), digest("replay.listen=0.0.0.0:1"), digest("actor.health=0.0.0.0:1")]
    same += [digest("actor.policies_from=far:1"), digest("relay.address=far:1"), digest("replay.redis_replicas=1")]
    same += [digest("learner.max_updates=9"), digest("evaluation.goal=null")]  # a run may go on for longer
    same += [digest("run.grace_s=1")]
    assert len(set(same)) == 1
    assert digest("learner.gamma=0.5") != digest()
    assert digest("replay.addresses=['127.0.0.1:1', '127.0.0.1:2']") != digest()


def test_every_setting_has_a_default_except_the_world():
    required = [name for name, field in Config.model_fields.items() if field.is_required()]
    assert required == ["world"]


def test_a_mapping_of_another_kind_replaces_the_one_before():
    config = load_config(CONFIGS / "recall.yaml", ["network={kind: mlp_q}", "learner.sequence=null"])
    assert config.network.hidden == (128, 128)
    assert load_config(CONFIGS / "recall.yaml", ["network={hidden: 32}"]).network.hidden == 32
