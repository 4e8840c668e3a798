"""How a service ends."""

import signal
import subprocess
import sys
import time

from run_process import CONFIGS

from townlet.config_file import dump_config, load_config


def test_a_service_that_is_told_to_stop_while_it_waits_for_another_stops_cleanly(tmp_path, free_port):
    config = tmp_path / "config.yaml"
    addresses = (f"learner.address=127.0.0.1:{free_port}", f"replay.addresses=['127.0.0.1:{free_port}']")
    config.write_text(dump_config(load_config(CONFIGS / "L0_minimal.yaml", addresses)))
    log = tmp_path / "log"
    with log.open("wb") as output:
        actor = subprocess.Popen([sys.executable, "-m", "actor", str(config)], stdout=output, stderr=output)
    deadline = time.monotonic() + 30
    while "report_retried" not in log.read_text():
        assert actor.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    actor.send_signal(signal.SIGTERM)
    assert actor.wait(20) == 0
    assert '"event": "stopped"' in log.read_text()
