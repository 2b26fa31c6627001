"""What the fixture ``daskflow_session`` sets up, and gives to a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daskflow.testing.faults import FaultPlan
from daskflow.testing.gates import Gate


@dataclass(frozen=True)
class DaskflowSession:
    """A place for the flows of one test.

    Parameters
    ----------
    folder
        Empty at first; whatever daskflow writes goes there.

    Examples
    --------
    >>> from pathlib import Path
    >>> from daskflow.testing import DaskflowSession
    >>> session = DaskflowSession(Path("folder"))
    >>> sorted(session.environment())
    ['DASKFLOW_EXECUTOR', 'DASKFLOW_HOME', 'DASKFLOW_STORE__URL']
    """

    folder: Path

    def environment(self) -> dict[str, str]:
        """Return the settings: this process, a store in memory, files in the folder."""
        return {
            "DASKFLOW_EXECUTOR": "local",
            "DASKFLOW_STORE__URL": "memory://",
            "DASKFLOW_HOME": str(self.folder / "home"),
        }

    def gate(self, name: str = "gate", seconds: float = 30.0) -> Gate:
        """Return a gate in the folder; see `Gate`."""
        return Gate(self.folder / name, seconds)

    def fault_plan(
        self, plan: Mapping[Any, Sequence[Any]] | None = None, name: str = "calls"
    ) -> FaultPlan:
        """Return a fault plan that counts in the folder; see `FaultPlan`."""
        return FaultPlan(self.folder / name, plan)
