"""How torch calculates in a process."""

from collections.abc import Iterator

import pytest
import torch

from townlet.arithmetic import calculate


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)


@pytest.mark.skipif(not torch.set_flush_denormal(False), reason="this CPU has no mode without denormal numbers")
def test_numbers_too_small_to_be_normal_are_zero() -> None:
    smallest = torch.full((1000,), torch.finfo(torch.float32).tiny)
    assert (smallest * 0.5).count_nonzero() == 1000
    calculate(threads=1)
    assert (smallest * 0.5).count_nonzero() == 0


def test_so_many_threads_calculate() -> None:
    calculate(threads=2)
    assert torch.get_num_threads() == 2
    calculate(threads=1)
    assert torch.get_num_threads() == 1
