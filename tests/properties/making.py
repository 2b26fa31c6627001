"""Drawn flows as daskflow's: functions to be traced, bodies that do what their scripts say."""

import daskflow
from daskflow import (
    Fail,
    Loop,
    Pause,
    Retry,
    Skip,
    Succeed,
    case,
    context,
    flatten,
    flow,
    merge,
    successful,
    unmapped,
)
from daskflow.signals import RunInterrupted
from tests.properties.reference import Case, Sub, constant, output
from tests.semantics.ledger import Ledger

MOST_STARTS = 60  # of one body, where nothing is wrong


def runs_of(states):
    """Return the states of upstream task runs, each once."""
    return {(e.upstream, e.map_index or e.levels): state for e, state in states.items()}.values()


def two_successful(states):
    """Decide like a function of the user's, on the states in full."""
    return sum(state.is_successful() for state in runs_of(states)) >= 2


def breaks_on_failed(states):
    """Raise where something failed."""
    if any(state.is_failed() for state in runs_of(states)):
        raise KeyError("it failed")
    return True


def skips_on_failed(states):
    """Skip where something failed."""
    if any(state.is_failed() for state in runs_of(states)):
        raise Skip("it failed")
    return True


def fails_on_failed(states):
    """Fail where something failed, and pass something on."""
    if any(state.is_failed() for state in runs_of(states)):
        raise Fail("it failed", result=[0, 7])
    return True


TRIGGERS = {
    f.__name__: f for f in (two_successful, breaks_on_failed, skips_on_failed, fails_on_failed)
} | {"half_failed": daskflow.some_failed(at_least=0.5)}


class Tally(Ledger):
    """A ledger for bodies in this process, in memory."""

    def __init__(self):
        self.noted = []

    def note(self, text):
        """Note one line; what never ends is stopped, as by Ctrl-C."""
        self.noted.append(text)
        if self.noted.count(text) > MOST_STARTS:
            raise RunInterrupted

    def lines(self):
        """Return all lines, in the order in which they were written."""
        return self.noted


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
            elif isinstance(item, Case):
                with case(self.value(item.node.inputs[0][1], subs), item.node.value):
                    self.made.append(None)  # a node that nothing can take
                    self.play(item.items, subs)
            elif item.role == "merge":
                self.made.append(merge(*(self.value(ref, subs) for _, ref in item.inputs)))
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
            trigger=TRIGGERS.get(call.trigger) or getattr(daskflow, call.trigger),
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
        return unmapped(value) if is_map and how in {"whole", "picked", "wait_all"} else value

    def value(self, ref, subs):
        """Return the handle, or the constant, that a ref means."""
        if isinstance(ref, int):
            return self.made[ref]
        return constant(ref[1]) if ref[0] == "const" else subs[ref[1]][ref[2]]


def body_of(call):
    """Return a body that does what the script says, and returns what tells of its arguments."""

    def body(*args):
        index, loops, attempt = context.map_index, context.loop_count, context.attempt
        parts = call.script.get(sum(index), "").split("L")
        letters = parts[loops] + ("L" if loops < len(parts) - 1 else ".")
        assert "P" not in letters[attempt - 2 : attempt - 1] or context.resumed
        told = output(call, index, plain([*args, loops, context.loop_result]))
        return act(letters[attempt - 1], told)

    return body


def act(letter, told):
    """Do what a letter of a script says."""
    signals = {
        "E": Fail("so", result=told),
        "K": Skip("so"),
        "R": Retry("so", delay=0),
        "P": Pause("so"),
        "V": Succeed("so", result=told),
        "L": Loop("so", result=told),
    }
    if letter == "F":
        raise ValueError("so")
    if letter in signals:
        raise signals[letter]
    return told


def plain(value):
    """Return a value with exceptions by the names of their types."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    return type(value).__name__ if isinstance(value, BaseException) else value
