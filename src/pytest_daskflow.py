"""The pytest plugin: the fixture ``daskflow_session``.

It is no part of the package, for pytest imports it in every environment that has daskflow: so the
package is loaded by those tests only that want it, and a measure of its coverage misses nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from daskflow.testing import DaskflowSession


@pytest.fixture
def daskflow_session(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> DaskflowSession:
    """Run flows in this process and leave nothing behind: no cluster, no port, no home folder.

    Each test has a folder of its own, under ``pytest -n`` too. A flow that names its executor
    keeps it: ``etl.with_options(executor=LocalExecutor())`` is the same flow here.
    """
    from daskflow.testing import DaskflowSession

    session = DaskflowSession(tmp_path_factory.mktemp("daskflow"))
    for name in [name for name in os.environ if name.startswith("DASKFLOW_")]:
        monkeypatch.delenv(name)
    for name, value in session.environment().items():
        monkeypatch.setenv(name, value)
    return session
