"""How a service ends, or starts over."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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


SERVICE = """
import os, sys, threading
from townlet.errors import StartOverError
from townlet.lifecycle import arguments_parser, run_service

def main(config, arguments, stop):
    with open(config.run.root / "lives", "a") as lives:
        lives.write(f"{os.getpid()} {arguments.index};")
    if os.path.getsize(config.run.root / "lives") < 30:
        raise StartOverError("there is more to live")
    print("waits", flush=True)
    while not stop.is_set():
        stop.wait(0.1)
    raise StartOverError("too late: it was told to stop")

parser = arguments_parser("service", "Lives several lives.")
parser.add_argument("--index", type=int, default=0)
sys.exit(run_service(parser, lambda arguments: "service", main))
"""


def test_a_service_that_starts_over_stays_the_same_process_until_it_is_told_to_stop(tmp_path):
    config, script = tmp_path / "config.yaml", tmp_path / "service.py"
    config.write_text(dump_config(load_config(CONFIGS / "L0_minimal.yaml", (f"run.root={tmp_path}",))))
    script.write_text(SERVICE)
    command = [sys.executable, str(script), str(config), "--index", "7"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as service:
        while b"waits" not in service.stdout.readline():
            assert service.poll() is None
        lives = Path(tmp_path / "lives").read_text().split(";")[:-1]
        assert len(lives) > 1
        assert set(lives) == {f"{service.pid} 7"}
        service.send_signal(signal.SIGTERM)
        assert service.wait(20) == 0


TOLD_OFTEN = """
import sys, threading
from townlet.lifecycle import arguments_parser, run_service

def main(config, arguments, stop):
    waiting = [threading.Thread(target=stop.wait) for _ in range(4)]
    for thread in waiting:
        thread.start()
    print("waits", flush=True)
    for thread in waiting:
        thread.join()

sys.exit(run_service(arguments_parser("service", "Waits."), lambda arguments: "service", main))
"""


def test_a_service_that_is_told_again_and_again_stops_as_well(tmp_path):
    """As the kernel does it when a parent of many threads dies: a handler must not wait for a lock that it holds."""
    config, script = tmp_path / "config.yaml", tmp_path / "service.py"
    config.write_text(dump_config(load_config(CONFIGS / "L0_minimal.yaml", (f"run.root={tmp_path}",))))
    script.write_text(TOLD_OFTEN)
    for _ in range(5):
        command = [sys.executable, str(script), str(config)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as service:
            while b"waits" not in service.stdout.readline():
                assert service.poll() is None
            for _ in range(3_000):
                os.kill(service.pid, signal.SIGTERM)  # it is not reaped yet, so this is nobody else
            try:
                assert service.wait(20) == 0
            finally:
                service.kill()
