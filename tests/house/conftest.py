"""The figures of the house: each check measures something, and the run ends with a list of them."""

import pytest


@pytest.fixture
def figure(record_property):
    """Note one line for the list at the end of the run; see `pytest_terminal_summary`."""
    return lambda line: record_property("figure", line)
