"""What a benchmark is told when it shall only show that it runs."""

import pytest

from bench.rounds import Options


@pytest.fixture
def chosen(tmp_path):
    options = Options()
    options.rounds, options.seconds, options.json, options.profile = 3, 1e-3, tmp_path / "found.json", False
    return options
