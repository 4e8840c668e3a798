"""deploy/compose.yaml holds together: what an engine would find out, and what it would not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from townlet.config import Config
from townlet.config_file import load_config

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
IMAGE_ROOT = "/opt/townlet"
MOUNTED = "/etc/townlet/config.yaml"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
GPU = yaml.safe_load((DEPLOY / "compose.gpu.yaml").read_text())
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}


def configuration(folder: Path, environment: dict[str, str] | None = None) -> Config:
    """deploy/config.yaml as the containers read it. folder: to write in."""
    local = folder / "config.yaml"
    local.write_text((DEPLOY / "config.yaml").read_text().replace(IMAGE_ROOT, str(ROOT)))
    return load_config(local, environment=environment)


def depends_on(name: str) -> Iterator[str]:
    """Whom a service depends on, also by way of others."""
    for other in SERVICES[name].get("depends_on", ()):
        yield other
        yield from depends_on(other)


def port(address: str) -> str:
    return address.rpartition(":")[2]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_looked_after(name):
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert service["stop_grace_period"].endswith("s")
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_its_limits(name):
    limits = SERVICES[name]["deploy"]["resources"]["limits"]
    assert limits.keys() == {"cpus", "memory", "pids"}
    assert float(limits["cpus"]) <= 1.0, "an engine refuses more than the machine has"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_no_more_rights_than_it_needs(name):
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid"} & service.keys()
    assert service in OURS.values() or not service["user"].startswith("0")


def test_only_loopback_is_published_and_only_the_learner():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"learner": ["127.0.0.1:${TOWNLET_PORT:-50051}:50051"]}


def test_redis_is_where_nobody_but_the_shards_can_reach_it():
    assert COMPOSE["networks"]["storage"] == {"internal": True}
    inside = {name for name, service in SERVICES.items() if "storage" in service["networks"]}
    assert inside == {"redis", "replay-0", "replay-1"}
    assert SERVICES["redis"]["networks"] == ["storage"]


def test_the_addresses_of_the_configuration_are_services(tmp_path):
    config = configuration(tmp_path)
    for index, address in enumerate(config.replay.addresses):
        service = SERVICES[address.partition(":")[0]]
        assert service["command"] == ["replay_service", MOUNTED, "--index", str(index)]
        assert port(address) == port(str(config.replay.listen))
        assert port(address) in service["expose"]
    assert SERVICES[config.learner.address.partition(":")[0]]["command"][0] == "learner"
    assert port(config.learner.address) == port(str(config.learner.listen))
    assert str(config.replay.redis_url) == "redis://redis:6379"


def test_the_run_goes_on_until_it_is_stopped(tmp_path):
    config = configuration(tmp_path)
    assert config.evaluation.goal is None, "a learner that has ended would be started again"
    assert config.learner.max_updates is None
    assert config.schedule.kind == "async", "actors that come and go cannot keep step"


@pytest.mark.parametrize("name", OURS)
def test_who_is_asked_for_his_health_reads_the_mounted_configuration(name, tmp_path):
    service, config = OURS[name], configuration(tmp_path)
    module = service["command"][0]
    assert service["command"][1] == MOUNTED
    assert service["configs"] == [{"source": "run", "target": MOUNTED}]
    asked = service["healthcheck"]["test"]
    assert asked == ["CMD", "python", "-m", "townlet.health", MOUNTED, module.removesuffix("_service")]
    assert module != "actor" or config.actor.health is not None


@pytest.mark.parametrize("name", OURS)
def test_versions_are_where_everybody_can_write_them(name, tmp_path):
    volume, _, folder = OURS[name]["volumes"][0].partition(":")
    assert volume in COMPOSE["volumes"]
    config = configuration(tmp_path)
    assert (config.checkpoint.root or str(config.run.folder)).startswith(folder)


def test_the_learner_is_stopped_first_while_all_whose_state_it_saves_are_there():
    assert set(depends_on("learner")) == SERVICES.keys() - {"learner"}
    assert not any("learner" in depends_on(name) for name in SERVICES)


def test_nobody_starts_before_what_he_needs_is_well():
    for name in ("replay-0", "replay-1"):
        assert SERVICES[name]["depends_on"] == {"redis": {"condition": "service_healthy"}}
        for other in ("learner", "actor", "evaluator"):
            assert SERVICES[other]["depends_on"][name] == {"condition": "service_healthy"}


def test_the_files_that_are_mounted_are_there_and_no_secret_stands_in_an_environment():
    for mounted in (*COMPOSE["configs"].values(), *COMPOSE["secrets"].values()):
        default = mounted["file"].rpartition(":-")[2].removesuffix("}")
        assert (DEPLOY / default).is_file()
    assert not any("environment" in service for service in SERVICES.values())


def test_the_gpu_overlay_says_the_same_device_to_everybody_who_joins(tmp_path):
    told = [GPU["services"][name]["environment"] for name in OURS]
    assert all(each == told[0] for each in told)
    config = configuration(tmp_path, told[0])
    assert (config.learner.device, config.actor.device) == ("cuda", "cuda")


def test_the_gpu_overlay_reserves_a_device_and_builds_for_it():
    for name in ("learner", "actor", "evaluator"):
        service = GPU["services"][name]
        assert service["build"]["args"].keys() == {"TORCH_INDEX"}
        assert service["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]
        assert service["image"] != SERVICES[name]["image"]
