"""What random flows are made of, and how large a share of them has it.

A feature is a name and a function of a drawn flow and its reading: one more is one more line.
"""

from collections import Counter
from statistics import median

from tests.properties.drawing import TRIGGERS
from tests.properties.reference import Case, Sub

LEAST = 0.1  # of all flows have each feature
NODES = 8  # at the median


def inputs(drawn, how):
    """Return the inputs of one way in a flow, as calls and refs."""
    calls = [call for item in drawn.items for call in item.calls()]
    return [(call, ref) for call in calls for one, ref in call.inputs if one == how]


def subs(items):
    """Return the mapped sub-flows among some items."""
    found = [item for item in items if isinstance(item, Sub)]
    return found + (subs(in_cases(items)) if in_cases(items) else [])


def ended(role, kind):
    """Return whether a node of this role ended in this kind."""

    def has(drawn, reading):
        calls = [call for item in drawn.items for call in item.calls() if call.role == role]
        return any(end[0] == kind for c in calls for end in reading.ends[c.number].values())

    return has


def in_cases(items):
    """Return the items in cases that are among some items."""
    return [inner for item in items if isinstance(item, Case) for inner in item.items]


def maps(drawn):
    """Return the numbers of the mapped calls."""
    return {call.number for item in drawn.items for call in item.calls() if call.is_map}


def kinds(reading):
    """Return the kinds in which task runs end, and those without a start."""
    ends = {(n, at): end[0] for n, ends in reading.ends.items() for at, end in ends.items()}
    unstarted = {run: kind for run, kind in ends.items() if run not in reading.fates}
    return set(ends.values()), set(unstarted.values())


def lettered(letters):
    """Return whether a body did what one of these letters says."""
    return lambda drawn, reading: any(
        {*letters} & {*fate.played} for fate in reading.fates.values()
    )


FEATURES = {
    "map over a map": lambda d, r: any(c.is_map and ref in maps(d) for c, ref in inputs(d, "each")),
    "reduce of a map": lambda d, r: any(ref in maps(d) for _, ref in inputs(d, "whole")),
    "successful()": lambda d, r: inputs(d, "picked"),
    "unmapped() in a map": lambda d, r: any(c.is_map for c, _ in inputs(d, "whole")),
    "map over a list of nodes": lambda d, r: inputs(d, "list"),
    "wait_for": lambda d, r: inputs(d, "wait"),
    "wait_for unmapped()": lambda d, r: inputs(d, "wait_all"),
    "flatten()": lambda d, r: inputs(d, "flat"),
    "mapped sub-flow": lambda d, r: subs(d.items),
    "sub-flow in a sub-flow": lambda d, r: any(subs(sub.items) for sub in subs(d.items)),
    "empty map": lambda d, r: any(0 in widths.values() for widths in r.widths.values()),
    "a case that matches": ended("case", "S"),
    "a case that does not": ended("case", "SK"),
    "a map or a sub-flow in a case": lambda d, r: any(
        isinstance(item, Sub) or getattr(item, "is_map", False) for item in in_cases(d.items)
    ),
    "a case in lanes": lambda d, r: any(
        isinstance(item, Case) for sub in subs(d.items) for item in sub.items
    ),
    "a merge": ended("merge", "S"),
    "a body fails": lettered("F"),
    "a body raises Fail": lettered("E"),
    "a body skips": lettered("K"),
    "a body succeeds by a signal": lettered("V"),
    "a retry": lambda d, r: any("R" in fate.history for fate in r.fates.values()),
    "a loop": lettered("L"),
    "a failure and a loop in one": lambda d, r: any(
        fate.loops and "R" in fate.history for fate in r.fates.values()
    ),
    "an approval": lambda d, r: r.approved or lettered("P")(d, r),
    "a trigger says no": lambda d, r: "TF" in kinds(r)[1],
    "skipped with what is upstream": lambda d, r: "SK" in kinds(r)[1],
    "a trigger, or a map, fails": lambda d, r: "F" in kinds(r)[1],
    "skip_on_upstream_skip=False": lambda d, r: any(
        not call.skips for item in d.items for call in item.calls()
    ),
    "every value as a large one": lambda d, r: d.is_thrifty,
} | {
    f"trigger {trigger}": lambda d, r, trigger=trigger: any(
        call.trigger == trigger for item in d.items for call in item.calls()
    )
    for trigger in sorted({*TRIGGERS})
}


class Shares:
    """Counts what was drawn."""

    def __init__(self):
        self.nodes = []
        self.counts = Counter()

    def __add__(self, other):
        """Return both together."""
        both = Shares()
        both.nodes, both.counts = self.nodes + other.nodes, self.counts + other.counts
        return both

    def count(self, drawn, reading):
        """Take in one flow."""
        self.nodes.append(len(reading.ends))
        self.counts.update(name for name, has in FEATURES.items() if has(drawn, reading))
        self.counts[f"block_size={drawn.block_size}"] += 1
        self.counts[f"threads={drawn.threads}"] += 1
        self.counts[f"block_seconds={drawn.block_seconds}"] += 1
        self.counts[f"window={drawn.window}"] += 1

    def median(self):
        """Return the number of nodes at the median."""
        return median(self.nodes)

    def lines(self):
        """Return what is to be printed."""
        total = len(self.nodes)
        if not total:
            return
        yield f"{total} random flows of {self.median():g} nodes at the median"
        for name, count in sorted(self.counts.items(), key=lambda item: item[1]):
            yield f"  {count / total:4.0%} {name}"

    def rare(self):
        """Return the features of which there was too little."""
        return [name for name in FEATURES if self.counts[name] < LEAST * len(self.nodes)]
