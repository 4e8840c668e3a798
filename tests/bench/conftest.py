"""What a benchmark is told when it shall only show that it runs."""

import pytest
import torch

from bench.rounds import Options


@pytest.fixture(autouse=True)
def calculates_as_before():
    """Benchmarks that run in this process say how torch calculates in it, which other tests must not notice."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)


@pytest.fixture
def chosen(tmp_path):
    options = Options()
    options.rounds, options.seconds, options.json, options.profile = 3, 1e-3, tmp_path / "found.json", False
    return options
