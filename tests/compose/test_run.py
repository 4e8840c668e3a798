"""deploy/compose.yaml as it is shipped: up, it trains; down, and up again, it goes on from the newest version."""

import time

import pytest
from containers import DEPLOY, ComposeRun, wait_until

from protos.admin_pb2 import StatusResponse
from townlet.admin.client import AdminClient
from townlet.errors import UnavailableError

pytestmark = [pytest.mark.compose, pytest.mark.timeout(3600)]

START_LIMIT_S = 900.0
ACTORS = 3


@pytest.fixture
def run():
    run = ComposeRun("townlet-shipped", DEPLOY / "config.yaml")
    run.compose("build")
    yield run
    run.remove()


def status(run: ComposeRun) -> StatusResponse:
    """What the learner says; nothing yet while it does not answer."""
    try:
        with AdminClient(f"127.0.0.1:{run.ports['learner']}") as client:
            return client.status()
    except UnavailableError:
        return StatusResponse()


def up(run: ComposeRun) -> float:
    """Seconds from `up` until the run trains with all its actors."""
    began_s = time.monotonic()
    run.compose("up", "--detach", "--scale", f"actor={ACTORS}")

    def trains() -> bool:
        now = status(run)
        return bool(now.updates_per_s and now.environment_steps_per_s and now.actors == ACTORS)

    wait_until(trains, "the run trains", START_LIMIT_S)
    return time.monotonic() - began_s


def test_it_trains_stops_with_a_whole_version_and_goes_on_from_it(run, tell):
    tell(f"up: trains after {up(run):.0f} s")
    wait_until(lambda: not run.unwell(), "everybody is well", START_LIMIT_S)
    for name in run.containers():
        found = run.inspect(name)
        assert found["HostConfig"]["ReadonlyRootfs"], name
        assert found["Config"]["User"] in ("10001:10001", "999:999"), name
    before = status(run)
    began_s = time.monotonic()
    run.compose("stop")
    tell(f"stop: {time.monotonic() - began_s:.0f} s")
    codes = {name: run.inspect(name)["State"]["ExitCode"] for name in run.containers()}
    assert codes == dict.fromkeys(codes, 0)
    (last,) = [line["version"] for line in run.logs("learner") if line.get("why") == "the learner stops"]
    assert last > before.newest_version
    run.compose("down")
    assert run.containers() == {}

    tell(f"up again: trains after {up(run):.0f} s")
    after = status(run)
    assert after.resumed_version == last
    assert after.updates > before.updates
    assert after.environment_steps > before.environment_steps
    with AdminClient(f"127.0.0.1:{run.ports['learner']}") as client:
        members = {"learner", "replay-0", "replay-1", *(f"actor-{place}" for place in range(ACTORS))}
        assert set(client.show(last).members) == members
    assert [line for line in run.logs("actor") if line["event"] in ("crashed", "failed")] == []
