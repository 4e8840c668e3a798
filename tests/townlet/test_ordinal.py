"""Which of several a process is."""

import pytest

from townlet.errors import ConfigError
from townlet.ordinal import actor_name, actor_place, ordinal


def test_a_number_is_itself_whatever_the_host_is_called():
    assert ordinal("12", "replay-3") == 12


@pytest.mark.parametrize(("hostname", "number"), [("replay-0", 0), ("actor-17.actors.ring.svc", 17), ("a-1-b-20", 20)])
def test_the_host_name_tells_the_number_at_its_end(hostname, number):
    assert ordinal("hostname", hostname) == number


@pytest.mark.parametrize("hostname", ["replay", "3f9c2d7a1b07", "replay-0x", "replay-", "box.of-3"])
def test_a_host_name_without_a_number_is_refused(hostname):
    with pytest.raises(ConfigError, match=f"^--index hostname: expected a host name that ends .* found {hostname}$"):
        ordinal("hostname", hostname)


@pytest.mark.parametrize("text", ["-1", "1.5", "", "one", "replay-0"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ConfigError, match=rf"^--index: expected a number from 0, or hostname, found {text}$"):
        ordinal(text, "replay-0")


def test_an_actor_is_named_after_its_place():
    assert actor_name(3) == "actor-3"
    assert [actor_place(actor_name(place)) for place in range(12)] == list(range(12))
