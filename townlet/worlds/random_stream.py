"""Random numbers that depend on nothing but where they are used: keyed by seed, lane, episode and draw.

Draw d is SplitMix64's finaliser (Steele, Lea and Flood 2014) over the chain seed, lane, episode, d. All of it is
integer arithmetic modulo 2**64, so every device gives the same bits, and nothing has to be saved but the key.
"""

import torch
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15 - 2**64
_MULTIPLIER_1 = 0xBF58476D1CE4E5B9 - 2**64
_MULTIPLIER_2 = 0x94D049BB133111EB - 2**64
"""SplitMix64's constants, as the signed integers that int64 tensors hold."""


def random_bits(seed: Tensor, lane: Tensor, episode: Tensor, draws: int) -> Tensor:
    """The first `draws` draws of each lane's episode: 64 random bits each, int64 [L, draws].

    seed: int64 [], shared. lane, episode: int64 [L].
    """
    return bits_of_streams(lane_streams(seed, lane), episode, draws)


def lane_streams(seed: Tensor, lane: Tensor) -> Tensor:
    """What all draws of a lane have in common, int64 [L]: worth keeping. seed: int64 [], shared. lane: int64 [L]."""
    assert seed.shape == (), seed.shape
    return _next(_next(torch.zeros_like(lane), seed), lane)


def bits_of_streams(stream: Tensor, episode: Tensor, draws: int) -> Tensor:
    """The same as `random_bits`, int64 [L, draws]. stream: int64 [L], of `lane_streams`. episode: int64 [L]."""
    assert stream.shape == episode.shape == (len(stream),), (stream.shape, episode.shape)
    return _next(_next(stream, episode)[:, None], torch.arange(draws, device=stream.device))


def below(bits: Tensor, bound: int) -> Tensor:
    """Uniform integers in [0, bound), int64 like `bits`, whose upper 32 bits they are made of.

    bound: at most 2**31. A number's probability is off by at most 2**-32.
    """
    assert 0 < bound <= 2**31, bound
    return (_shifted(bits, 32) * bound) >> 32


def _next(key: Tensor, counter: Tensor) -> Tensor:
    """Number `counter` of SplitMix64's sequence from `key`."""
    z = key + (counter + 1) * _GOLDEN
    z = _shifted(z, 30).bitwise_xor_(z).mul_(_MULTIPLIER_1)
    z = _shifted(z, 27).bitwise_xor_(z).mul_(_MULTIPLIER_2)
    return _shifted(z, 31).bitwise_xor_(z)


def _shifted(z: Tensor, places: int) -> Tensor:
    """z >> places with zeros moving in from the left, as for an unsigned integer."""
    mask: int = 2 ** (64 - places) - 1
    return (z >> places).bitwise_and_(mask)
