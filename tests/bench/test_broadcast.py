"""A policy reaches every actor, and so do the bytes that are copied beside it."""

from bench.broadcast import LEAST, copies, measure
from bench.policy_networks import network_of
from bench.report import read
from bench.rounds import Options
from townlet.policy import encode_weights


def test_a_network_takes_about_as_many_bytes_as_are_asked_for():
    for size in (20_000, 100_000, 3_000_000):
        assert abs(len(encode_weights(network_of(size))) - size) < 0.05 * size


def test_policies_and_copies_are_told_of_side_by_side(tmp_path):
    chosen = Options()
    chosen.rounds, chosen.seconds, chosen.json, chosen.profile = 1, 0.0, tmp_path / "found.json", False
    measure(20_000, 2, chosen)
    (found,) = read(chosen.json)
    assert set(found.units.values()) == {"ms"}
    half, most, *_, plain_half, plain_most, _ = (values[0] for values in found.figures.values())
    assert 0 < half <= most
    assert 0 < plain_half <= plain_most
    assert found.ratios["half: policies / plain sockets"] == [half / plain_half]


def test_plain_sockets_bring_every_piece_to_all():
    with copies(3) as plain:
        plain.round(50, 0.0)
    assert plain.applied_s.shape == (LEAST, 3)
    assert (plain.applied_s > 0).all()
