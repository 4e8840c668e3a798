"""The counter-based generator against its twin in plain integers."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from townlet.worlds.random_stream import below, random_bits

WORD = 2**64
signed = st.integers(-(2**63), 2**63 - 1)
natural = st.integers(0, 2**63 - 1)


def as_signed(value):
    return value - WORD if value >= WORD // 2 else value


def split_mix(key, counter):
    z = (key + (counter + 1) * 0x9E3779B97F4A7C15) % WORD
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % WORD
    return z ^ (z >> 31)


def twin(seed, lane, episode, draw):
    key = 0
    for counter in (seed, lane, episode, draw):
        key = split_mix(key, counter)
    return as_signed(key)


def draws(seed, lanes, episodes, count):
    return random_bits(torch.tensor(seed), torch.tensor(lanes), torch.tensor(episodes), count)


def test_the_twin_gives_the_published_first_numbers_of_splitmix64():
    assert [split_mix(1234567, counter) for counter in range(2)] == [6457827717110365317, 3203168211198807973]


@given(natural, st.lists(st.tuples(natural, natural), min_size=1, max_size=4), st.integers(1, 5))
def test_every_draw_is_that_of_the_twin(seed, keys, count):
    lanes, episodes = zip(*keys, strict=True)
    expected = [[twin(seed, lane, episode, draw) for draw in range(count)] for lane, episode in keys]
    assert draws(seed, lanes, episodes, count).tolist() == expected


@given(signed, st.integers(1, 2**31))
def test_bounded_draws_are_the_scaled_upper_half_of_the_bits(bits, bound):
    assert below(torch.tensor([bits]), bound).item() == (bits % WORD >> 32) * bound >> 32


def test_bounded_draws_are_uniform():
    numbers = below(draws(3, list(range(1000)), [0] * 1000, 64), 10)
    counts = torch.bincount(numbers.flatten(), minlength=10)
    deviation = (counts - 6400.0) / (6400.0 * 0.9) ** 0.5
    assert deviation.abs().max() < 4.0


def test_neighbouring_seeds_lanes_episodes_and_draws_share_nothing():
    seen = set()
    for seed in range(4):
        lanes, episodes = torch.meshgrid(torch.arange(30), torch.arange(30), indexing="ij")
        seen.update(draws(seed, lanes.flatten().tolist(), episodes.flatten().tolist(), 8).flatten().tolist())
    assert len(seen) == 4 * 30 * 30 * 8


@pytest.mark.gpu
def test_every_device_draws_the_same_bits():
    lanes = torch.arange(2**32, 2**32 + 1000)
    here = random_bits(torch.tensor(5), lanes, lanes * 3, 70)
    there = random_bits(torch.tensor(5).cuda(), lanes.cuda(), (lanes * 3).cuda(), 70)
    assert torch.equal(here, there.cpu())
