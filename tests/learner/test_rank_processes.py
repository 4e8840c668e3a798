"""Which rank a process is: by its configuration, or by what torchrun says."""

from pathlib import Path

import pytest
from run_process import CONFIGS

from learner.rank_processes import Place, place_of
from townlet.config_file import load_config
from townlet.errors import ConfigError

TORCHRUN = {"RANK": "2", "LOCAL_RANK": "0", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "far"}


def config(*overrides: str):
    return load_config(CONFIGS / "L1_full.yaml", ["learner.batch_size=64", *overrides])


def test_a_learner_is_alone_unless_it_is_told_otherwise():
    assert place_of(config(), {}) == Place(rank=0, ranks=1)


def test_with_ranks_configured_a_process_that_nobody_started_as_one_is_the_first():
    assert place_of(config("learner.ranks=4"), {}) == Place(rank=0, ranks=4)


def test_torchrun_says_which_rank_a_process_is_and_where():
    assert place_of(config(), TORCHRUN) == Place(rank=2, ranks=4, local=0, on_one_machine=False)
    found = place_of(config("learner.ranks=4"), {**TORCHRUN, "LOCAL_WORLD_SIZE": "4", "TOWNLET_RANKS_STORE": "/s"})
    assert found == Place(rank=2, ranks=4, local=0, on_one_machine=True, store=Path("/s"))


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("learner.ranks=2", "learner.ranks: expected 4, which were started, found 2"),
        ("learner.batch_size=66", "learner.batch_size: expected a multiple of the 4 ranks that were started, found 66"),
    ],
)
def test_what_torchrun_starts_has_to_fit_the_configuration(override, told):
    with pytest.raises(ConfigError, match=told):
        place_of(config(override), TORCHRUN)


def test_ranks_that_cannot_share_the_batch_evenly_are_refused():
    with pytest.raises(ConfigError, match=r"learner.ranks: expected a divisor of the batch_size of 64, found 3"):
        config("learner.ranks=3")
