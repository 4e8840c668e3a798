"""Where services listen."""

import socket

import pytest
from run_process import CONFIGS

from townlet.config_file import load_config
from townlet.errors import ConfigError, UnavailableError
from townlet.launch import places
from townlet.launch.places import FIRST_PORT, free_port, place
from townlet.run_folder import RunFolder


def placed(folder, *settings):
    return place(load_config(CONFIGS / "L0_minimal.yaml", list(settings)), RunFolder(folder))


def test_each_service_gets_a_port_of_its_own_where_any_will_do(tmp_path):
    config = placed(tmp_path, "replay.addresses=['127.0.0.1:0', '127.0.0.1:0']")
    addresses = {*config.replay.addresses, config.learner.address}
    assert len(addresses) == 3
    assert not any(address.endswith(":0") for address in addresses)


def test_a_port_that_is_named_is_kept(tmp_path):
    address = f"127.0.0.1:{free_port()}"
    assert placed(tmp_path, f"learner.address={address}").learner.address == address


@pytest.mark.parametrize("setting", ["replay.addresses=['{}']", "learner.address={}"])
def test_a_port_in_use_is_told_before_anything_starts(tmp_path, setting):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UnavailableError, match=f"cannot listen on {address}: expected a free port"):
            placed(tmp_path, setting.format(address))


def test_one_port_for_two_services_is_refused(tmp_path):
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(ConfigError, match=f"expected an address for each service, found {address} twice"):
        placed(tmp_path, f"replay.addresses=['{address}']", f"learner.address={address}")


def test_an_address_of_another_machine_is_refused(tmp_path):
    with pytest.raises(UnavailableError, match=r"cannot listen on 192\.0\.2\.1:50051: .* found it in use or not ours"):
        placed(tmp_path, "learner.address=192.0.2.1:50051")


def test_a_port_is_none_that_the_system_hands_to_clients():
    """Else somebody's connection might have it while the service that it belongs to is away."""
    first = int(places.HANDED_OUT.read_text().split()[0]) if places.HANDED_OUT.exists() else 32_768
    if first <= FIRST_PORT:
        pytest.skip("this system hands out every port")
    assert all(FIRST_PORT <= free_port() < first for _ in range(200))


def test_where_every_port_is_handed_out_any_will_do(tmp_path, monkeypatch):
    handed_out = tmp_path / "range"
    handed_out.write_text("1024\t60999\n")
    monkeypatch.setattr(places, "HANDED_OUT", handed_out)
    assert free_port() >= 1024


def test_no_two_services_get_the_same_port(tmp_path, monkeypatch):
    drawn = iter([3, 3, 3, 4, 4, 5])
    monkeypatch.setattr(places, "free_port", lambda host: next(drawn))
    config = placed(tmp_path, "replay.addresses=['127.0.0.1:0', '127.0.0.1:0']")
    assert {*config.replay.addresses, config.learner.address} == {f"127.0.0.1:{port}" for port in (3, 4, 5)}
