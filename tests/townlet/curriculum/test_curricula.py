"""What holds for every curriculum."""

import pytest
import torch
from lives import ended

from townlet.curriculum.build import build_curriculum
from townlet.curriculum.settings import AdversarialSettings, StagedSettings, StaticSettings
from townlet.errors import CheckpointError

KINDS = {
    "static": StaticSettings(),
    "adversarial": AdversarialSettings(window_episodes=3, min_episodes_at_stage=2),
    "staged": StagedSettings(window_episodes=3),
}
CAPS = {"static": [500], "adversarial": [500] * 5, "staged": [50, 100, 500, 500]}


def live(kind, curriculum, rounds, seed, lanes=4):
    """Random episodes in random lanes, some good and some bad; the changes that they brought."""
    generator = torch.Generator().manual_seed(seed)
    changes = []
    for _ in range(rounds):
        for lane in torch.randperm(lanes, generator=generator)[:2].tolist():
            cap = CAPS[kind][int(curriculum.stage[lane])]
            luck, entropy = torch.rand(2, generator=generator).tolist()
            steps = cap if luck > 0.5 else max(1, int(luck * cap))
            changes += curriculum.feed(ended([lane], steps, cap, episode_return=50 * luck, entropy=entropy / 2))
    return changes


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_curriculum_goes_on_as_the_saved_one(kind):
    saved = build_curriculum(KINDS[kind], lanes=4)
    live(kind, saved, 30, seed=1)
    state = saved.state_dict()
    kept = {name: tensor.clone() for name, tensor in state.items()}
    loaded = build_curriculum(KINDS[kind], lanes=4)
    loaded.load_state_dict(state)
    changes = live(kind, saved, 60, seed=2)
    assert live(kind, loaded, 60, seed=2) == changes
    assert (kind == "static") == (not changes)
    assert torch.equal(saved.stage, loaded.stage)
    assert all(torch.equal(state[name], kept[name]) for name in kept)  # they are copies


@pytest.mark.parametrize("kind", KINDS)
def test_lanes_do_not_see_each_other(kind):
    together, alone = (build_curriculum(KINDS[kind], lanes=2) for _ in range(2))
    for steps in (500, 500, 20, 500, 500, 500, 7, 9):
        cap = CAPS[kind][int(alone.stage[0])]
        alone.feed(ended([0], min(steps, cap), cap, episode_return=1.0))
        together.feed(ended([1], 1, CAPS[kind][0], entropy=1.0))
        together.feed(ended([0], min(steps, cap), cap, episode_return=1.0))
    assert together.stage[0] == alone.stage[0]
    assert together.stage[1] == 0


def test_the_static_curriculum_never_changes():
    curriculum = build_curriculum(StaticSettings(), lanes=3)
    for steps in (500, 1, 500) * 20:
        assert curriculum.feed(ended([0, 1, 2], steps)) == []
    assert curriculum.stage.tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", ["adversarial", "staged"])
def test_episodes_that_cannot_be_are_refused(kind):
    """Pitfall 6: the steps that a curriculum was told were always 0."""
    curriculum = build_curriculum(KINDS[kind], lanes=1)
    for steps, cap in ((0, 50), (51, 50)):
        with pytest.raises(AssertionError):
            curriculum.feed(ended([0], steps, cap))
    neither = ended([0], 20, 50)
    neither.terminated[0] = False
    with pytest.raises(AssertionError, match="neither by death nor at its cap"):
        curriculum.feed(neither)


def damaged():
    for name in build_curriculum(KINDS["adversarial"], lanes=4).state_dict():
        plain = name.removeprefix("history.")
        yield f"{plain} missing", lambda state, name=name: state.pop(name)
        yield f"{plain} longer", lambda state, name=name: state.update({name: torch.cat([state[name]] * 2)})
        yield f"{plain} of another dtype", lambda state, name=name: state.update({name: state[name].float()})
    yield "stage beyond the last", lambda state: state["stage"].fill_(5)
    yield "rows that are no numbers", lambda state: state["history.rows"].fill_(torch.nan)
    yield "another", lambda state: state.update({"another": torch.zeros(1)})


@pytest.mark.parametrize(("what", "damage"), [pytest.param(*case, id=case[0]) for case in damaged()])
def test_a_damaged_state_is_refused_by_name_and_changes_nothing(what, damage):
    source = build_curriculum(KINDS["adversarial"], lanes=4)
    live("adversarial", source, 20, seed=1)
    state = source.state_dict()
    damage(state)
    curriculum = build_curriculum(KINDS["adversarial"], lanes=4)
    with pytest.raises(CheckpointError, match=f"saved curriculum: {what.split()[0]}"):
        curriculum.load_state_dict(state)
    spared = build_curriculum(KINDS["adversarial"], lanes=4)
    assert live("adversarial", curriculum, 20, seed=1) == live("adversarial", spared, 20, seed=1)
