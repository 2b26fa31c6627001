"""For tests of flows: a clock that stands still, fakes, planned faults, gates, readable checks.

Together with a `LocalExecutor` a flow is tested like a function. The same works on a cluster, but
for the clock, which is that of this process. Under pytest the fixture ``daskflow_session`` is there
by itself: the executor, and a place for whatever a test's flows write.
"""

from daskflow.testing.checks import assert_states, calls
from daskflow.testing.clock import FrozenTime, frozen_time
from daskflow.testing.fakes import with_fakes
from daskflow.testing.faults import OK, FaultPlan
from daskflow.testing.gates import Gate
from daskflow.testing.session import DaskflowSession

__all__ = [
    "OK",
    "DaskflowSession",
    "FaultPlan",
    "FrozenTime",
    "Gate",
    "assert_states",
    "calls",
    "frozen_time",
    "with_fakes",
]
