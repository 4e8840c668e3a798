"""Every line of the log says who speaks, of which run, and on which version it stands."""

import json
import subprocess
import sys

PROGRAM = """
import structlog
from townlet.telemetry import configure_logging, stand_on
log = structlog.get_logger()
configure_logging("actor-0", "r")
log.info("before")
stand_on(7)
log.warning("after", reason="x")
log.info("about_another", version=8)
"""


def test_a_line_carries_member_run_and_version():
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["event"], line["member"], line["run"], line["version"]) for line in lines] == [
        ("before", "actor-0", "r", 0),
        ("after", "actor-0", "r", 7),
        ("about_another", "actor-0", "r", 8),
    ]
    assert lines[1]["reason"] == "x"
