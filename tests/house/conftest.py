"""The figures of the house: each check measures something, and the run ends with a list of them."""

import pytest

FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture
def figure(request):
    """Note one line for the list at the end of the run."""
    return request.config.stash.setdefault(FIGURES, []).append


def pytest_terminal_summary(terminalreporter, config):
    """Print the list, also when everything passed."""
    if figures := config.stash.get(FIGURES, []):
        terminalreporter.section("house")
        for line in sorted(figures):
            terminalreporter.line(line)
