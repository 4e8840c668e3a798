"""What several tests of whole runs share."""

import tempfile
from pathlib import Path

import pytest
from complete_run import make_complete_run


@pytest.fixture(scope="session")
def finished_run():
    """The folder of a run that has everything and was stopped in order, with versions. To be copied, never altered."""
    with tempfile.TemporaryDirectory(prefix="townlet-", dir="/tmp") as folder:
        yield make_complete_run(Path(folder))
