"""What a flow means in the plainest terms: call after call, task run after task run.

It shares no code with the engine. Kinds of states go by their short names: S, SK, F, TF.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Call:
    """One call of a task: mapped or not, over what, and what each attempt of its bodies does."""

    is_map: bool
    inputs: (
        tuple  # of (how, what): const n, mapped i, unmapped i, list (i, ...), wait i, wait_all i
    )
    trigger: str = "all_successful"
    skips: bool = True  # skip_on_upstream_skip
    retries: int = 0
    faults: dict[int, str] = field(default_factory=dict)  # by position: "FK", then S
    width: int = 2  # of the list that it returns


def allows(trigger, kinds):
    """Return whether a trigger says yes to these kinds of upstream task runs."""
    bad = kinds.count("F") + kinds.count("TF")
    good = len(kinds) - bad
    said = {"all_successful": not bad, "all_failed": not good, "all_finished": True}
    said |= {"any_successful": good > 0, "any_failed": bad > 0, "not_all_skipped": not bad}
    said |= {"two_successful": good > 1, "half_failed": bad >= good}
    return not kinds or said[trigger]


class Reading:
    """What becomes of each call, a kind or a list of its children's, and how often bodies start."""

    def __init__(self, calls):
        self.calls, self.ends, self.starts = calls, [], {}
        for i, call in enumerate(calls):
            self.ends.append(self.map(i, call) if call.is_map else self.run(i, 0, self.asked(call)))

    def map(self, i, call):
        """Return the kinds of the children, or that of a mapped task without any."""
        wide = [what for how, what in call.inputs if how == "mapped" or self.is_lane(how, what)]
        kinds = [{what: "S" if self.has_children(what) else self.ends[what]} for what in wide]
        widths = {what for how, what in call.inputs if how == "const"}
        widths |= {len(what) for how, what in call.inputs if how == "list"}
        widths |= {self.width(what) for what in wide}
        if refused := self.refusal(call, kinds):
            return refused
        if None in widths or len(widths) > 1:
            return "F"
        return [self.run(i, at, self.asked(call, at)) for at in range(*widths)]

    def width(self, i):
        """Return how many children a map over this call has; None where nobody can tell."""
        if self.calls[i].is_map:
            return len(self.ends[i]) if self.has_children(i) else None
        return self.calls[i].width if self.ends[i] == "S" else None

    def has_children(self, i):
        """Return whether a mapped call came to have children, be it none."""
        return isinstance(self.ends[i], list)

    def is_lane(self, how, what):
        """Return whether an input is joined element to element."""
        return how in ("mapped", "wait") and self.calls[what].is_map

    def asked(self, call, at=None):
        """Return for each input the kinds of the task runs behind it, by task run."""
        nodes = [(how, what[at] if how == "list" else what) for how, what in call.inputs]
        return [
            {(what, at): self.ends[what][at]}
            if call.is_map and self.is_lane(how, what)
            else dict(enumerate_runs(what, self.ends[what]))
            for how, what in nodes
            if how != "const"
        ]

    def refusal(self, call, edges):
        """Return what keeps a task run from starting: its trigger, or the skip rule."""
        kinds = list({run: kind for edge in edges for run, kind in edge.items()}.values())
        if not allows(call.trigger, kinds):
            return "TF"
        all_skipped = [edge for edge in edges if edge and set(edge.values()) == {"SK"}]
        if call.trigger == "not_all_skipped":
            return "SK" if kinds and set(kinds) == {"SK"} else None
        return "SK" if call.skips and all_skipped and not {"F", "TF"} & set(kinds) else None

    def run(self, i, at, edges):
        """Return the kind of one task run, and count its starts."""
        call = self.calls[i]
        if refused := self.refusal(call, edges):
            return refused
        plan = call.faults.get(at, "")[: call.retries + 1]
        failures = len(plan.partition("K")[0])
        self.starts[i, at] = min(failures, call.retries) + 1
        return "SK" if "K" in plan else "F" if failures > call.retries else "S"


def enumerate_runs(i, end):
    """Return the task runs of a call with their kinds."""
    return [((i, at), kind) for at, kind in enumerate(end if isinstance(end, list) else [end])]
