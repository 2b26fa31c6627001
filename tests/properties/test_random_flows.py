"""Random flows end as a plain recursion says they must, with the same values and starts."""

import tempfile

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

import daskflow
from daskflow import LocalExecutor, Skip, context, flatten, flow, successful, unmapped
from daskflow.lowering import lower, verify
from daskflow.runtime import driver, steps
from tests.properties.reference import Call, Reading, Sub, constant, output
from tests.semantics.bodies import short
from tests.semantics.ledger import Ledger


def two_successful(states):
    """Decide like a function of the user's, on the states in full."""
    runs = {(e.upstream, e.map_index or e.levels): state for e, state in states.items()}
    return sum(state.is_successful() for state in runs.values()) >= 2


MORE_TRIGGERS = {
    "two_successful": two_successful,
    "half_failed": daskflow.some_failed(at_least=0.5),
}
TRIGGERS = [
    "all_successful",
    "all_successful",  # the usual one, more often
    "all_failed",
    "all_finished",
    "any_successful",
    "any_failed",
    "not_all_skipped",
    *MORE_TRIGGERS,
]
FAULTS = ["F", "FF", "FFF", "K", "FK"]  # failures and a skip, attempt by attempt; then success
WIDTHS = [2, 2, 2, 3, 3, 0, 1, 4]  # mostly such that maps can be zipped


class Drawing:
    """A flow in the making: each call takes what some of the calls before it return.

    Of each ref it is told what stands behind it: ("of", call, length of the map index it begins
    with), "element" of such a value, "listed" in a list of nodes, or "const".
    """

    def __init__(self, draw):
        self.draw = draw
        self.calls = []  # of each: the sub-flows around, whether it is mapped

    def pick(self, *choices):
        """Draw one of some choices."""
        return self.draw(st.sampled_from(choices))

    def items(self, subs=(), most=7):
        """Draw a flow, or a sub-flow; `subs` has what stands behind the arguments of each."""
        return [
            self.sub(subs) if len(subs) < 2 and self.pick(*range(5)) == 0 else self.call(subs)
            for _ in range(self.draw(st.integers(1, most)))
        ]

    def sub(self, subs):
        """Draw a mapped sub-flow."""
        inputs = [self.giver(subs)]
        if self.draw(st.booleans()):
            inputs.append(("whole", self.pick(*self.refs(subs))))
        behind = [self.child(how, ref, subs) for how, ref in inputs]
        return Sub(tuple(inputs), self.items((*subs, behind), most=4))

    def call(self, subs):
        """Draw a call of a task."""
        lanes = [ref for ref in self.refs(subs) if self.is_lane(self.behind(ref, subs))]
        number, is_map = len(self.calls), self.draw(st.booleans())
        if lanes and is_map and self.pick(*range(4)) == 0:
            call = Call(number, True, (("flat", self.pick(*lanes)),))
        else:
            inputs = [self.giver(subs)] if is_map else []
            for _ in range(self.draw(st.integers(0, 3))):
                inputs += self.input(subs, lanes, is_map=is_map)
            call = Call(
                number,
                is_map,
                tuple(inputs),
                self.pick(*TRIGGERS),
                self.draw(st.booleans()),
                self.draw(st.integers(0, 2)),
                self.draw(st.dictionaries(st.integers(0, 4), st.sampled_from(FAULTS), max_size=2)),
                self.pick(*WIDTHS),
            )
        self.calls.append((subs, is_map))
        return call

    def giver(self, subs):
        """Draw what gives a map its width: a constant, a value or a map, a list of nodes."""
        refs = [r for r in self.refs(subs) if self.behind(r, subs) not in ("element", "listed")]
        if self.calls and self.pick(*range(5)) == 0:
            nodes = st.integers(0, len(self.calls) - 1)
            return "list", tuple(self.draw(st.lists(nodes, min_size=2, max_size=3)))
        return "each", self.pick(*refs)

    def input(self, subs, lanes, *, is_map):
        """Draw one more input of a call."""
        how = self.pick("whole", "wait", "picked", *(["each", "wait_all"] if is_map else []))
        if how == "each":
            return [self.giver(subs)]
        refs = lanes if how == "picked" else self.refs(subs)
        if how.startswith("wait"):
            refs = [ref for ref in refs if self.behind(ref, subs) not in ("const", "listed")]
        return [(how, self.pick(*refs))] if refs else []

    def refs(self, subs):
        """Return all that can be taken here."""
        arguments = [("lane", d, i) for d, behind in enumerate(subs) for i in range(len(behind))]
        return [*range(len(self.calls)), *arguments * 2, ("const", self.pick(*WIDTHS))]

    def behind(self, ref, subs):
        """Return what stands behind a ref."""
        if isinstance(ref, int):
            around = self.calls[ref][0]
            same = [mine is other for mine, other in zip(subs, around, strict=False)]
            return "of", ref, (*same, False).index(False)
        return "const" if ref[0] == "const" else subs[ref[1]][ref[2]]

    def child(self, how, ref, subs):
        """Return what stands behind an argument of a sub-flow in a lane."""
        if how == "list":
            return "listed"
        behind = self.behind(ref, subs)
        if how == "whole" or behind == "const":
            return behind
        return ("of", behind[1], behind[2] + 1) if self.is_lane(behind) else "element"

    def is_lane(self, behind):
        """Return whether that is many task runs."""
        if behind[0] != "of":
            return False
        subs, is_map = self.calls[behind[1]]
        return len(subs) + is_map > behind[2]


@st.composite
def flows(draw):
    """Draw a flow."""
    return Drawing(draw).items()


class Making:
    """The drawn calls as a function to be traced."""

    def __init__(self, items, ledger):
        self.items, self.ledger = items, ledger
        self.made = []

    def __call__(self):
        """Call all tasks."""
        self.made = []
        self.play(self.items, ())

    def play(self, items, subs):
        """Call the tasks of a flow, or of a sub-flow with these arguments."""
        for item in items:
            if isinstance(item, Sub):
                arguments = [self.given(how, ref, subs, is_map=True) for how, ref in item.inputs]
                inner = self.inner(item, subs, len(arguments))
                flow(inner, name="sub").map(*arguments)
            elif item.inputs and item.inputs[0][0] == "flat":
                self.made.append(flatten(self.value(item.inputs[0][1], subs)))
            else:
                self.made.append(self.call(item, subs))

    def inner(self, item, subs, count):
        """Return the function of a sub-flow."""

        def one(x):
            self.play(item.items, (*subs, [x]))

        def two(x, y):
            self.play(item.items, (*subs, [x, y]))

        return one if count == 1 else two

    def call(self, call, subs):
        """Call one task."""
        body = self.ledger.task(
            body_of(call),
            name=f"n{call.number}",
            trigger=MORE_TRIGGERS.get(call.trigger) or getattr(daskflow, call.trigger),
            # a trigger that has its own rule for skips stands as it is
            skip_on_upstream_skip=call.skips or call.trigger == "not_all_skipped",
            retries=call.retries,
        )
        args, waited = [], []
        for how, ref in call.inputs:
            given = self.given(how, ref, subs, is_map=call.is_map)
            (waited if how.startswith("wait") else args).append(given)
        return (body.map if call.is_map else body)(*args, wait_for=waited)

    def given(self, how, ref, subs, *, is_map):
        """Return an argument, or what is waited for."""
        if how == "list":
            return [self.made[one] for one in ref]
        value = self.value(ref, subs)
        if how == "picked":
            value = successful(value)
        return unmapped(value) if is_map and how in ("whole", "picked", "wait_all") else value

    def value(self, ref, subs):
        """Return the handle, or the constant, that a ref means."""
        if isinstance(ref, int):
            return self.made[ref]
        return constant(ref[1]) if ref[0] == "const" else subs[ref[1]][ref[2]]


def body_of(call):
    """Return a body that fails and skips as drawn, and returns what tells of its arguments."""

    def body(*args):
        index = context.map_index
        fault = call.faults.get(sum(index), "")[context.attempt - 1 : context.attempt]
        if fault == "F":
            raise ValueError(f"{index}, attempt {context.attempt}")
        if fault == "K":
            raise Skip
        return output(call, index, plain(list(args)))

    return body


def plain(value):
    """Return a value with exceptions by the names of their types."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    return type(value).__name__ if isinstance(value, BaseException) else value


def told(state):
    """Return the kind of a node as the reference tells it."""
    return [told(child) for child in state.children] if hasattr(state, "children") else short(state)


def flat(tree):
    """Return the leaves of lists of lists."""
    return [leaf for one in tree for leaf in flat(one)] if isinstance(tree, list) else [tree]


@settings(
    max_examples=80,
    derandomize=True,  # CI draws the same flows each time
    deadline=None,  # two busy cores
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    drawn=flows(),
    executor=st.sampled_from([LocalExecutor(), LocalExecutor(threads=2)]),
    block_size=st.sampled_from([1, 2, None]),
    is_thrifty=st.booleans(),
)
def test_runs_end_as_the_reference_says(drawn, executor, block_size, is_thrifty):
    """Whatever the flow and the block size: its states, values and starts, and sound plans."""
    problems = []

    def checked(graph, known, *rest):
        plan = lower(graph, known, *rest)
        problems.extend(verify(plan, graph, known))
        return plan

    # The plans of a run are not to be had from outside, and each pass makes one: so the driver is
    # given a `lower` that looks at what it returns.
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver, "lower", checked)
        patch.setenv("DASKFLOW_ENGINE__RETRY_WINDOW", "0.001")
        if is_thrifty:  # every value goes the way of the large ones
            patch.setattr(steps, "_LARGE", 0)
            patch.setenv("DASKFLOW_ENGINE__LITERAL_BYTES", "0")
            patch.setenv("DASKFLOW_ENGINE__SMALL_RESULT_BYTES", "0")
        ledger = Ledger(f"{folder}/starts")
        made = flow(Making(drawn, ledger), name="case", executor=executor, block_size=block_size)
        run = made.run()
        starts = ledger.starts()
        names = list(made.graph().nodes)  # by the number of the call
        values = {name: plain(run.values.at(name)) for name in made.graph().terminals()}
    reading = Reading(drawn)
    note(f"engine: {list(run.task_runs)}")
    assert {name: told(run[name].state) for name in names} == {
        name: reading.tree(n) for n, name in enumerate(names)
    }
    assert starts == {
        context.run_label(names[n], at): count for (n, at), count in reading.starts.items()
    }
    assert starts == {r.name: r.attempt for r in run.task_runs if r.name in starts}
    last = [names.index(name) for name in values]
    assert values == {names[n]: reading.value(("of", n, ())) for n in last}
    ends = {kind for n in last for kind in flat(reading.tree(n))}
    assert short(run.state) == ("F" if {"F", "TF"} & ends else "S")
    assert problems == []
