"""All of these need a Docker engine: `make test-compose`."""

import sys

import pytest
from containers import why_not


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """A Docker engine, or no test."""
    if reason := why_not():
        pytest.skip(reason)


@pytest.fixture
def tell(capsys):
    """Prints a figure at once, past pytest."""

    def say(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}")
            sys.stdout.flush()

    return say
