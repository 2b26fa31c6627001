"""What the random flows were made of, at the end of the run."""

import pytest

from tests.properties.features import Shares

DRAWN = pytest.StashKey[list[Shares]]()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Work where there is no ``pyproject.toml``, which each run would look through for settings."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shares(request):
    """Count the flows of this test; they are in the sum at the end of the run."""
    found = Shares()
    request.config.stash.setdefault(DRAWN, []).append(found)
    return found


def pytest_terminal_summary(terminalreporter, config):
    """Print the sum, also when everything passed."""
    if drawn := config.stash.get(DRAWN, []):
        terminalreporter.section("random flows")
        for line in sum(drawn, Shares()).lines():
            terminalreporter.line(line)
