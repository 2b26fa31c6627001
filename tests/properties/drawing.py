"""Random flows, drawn from bytes: hypothesis gives them and shrinks them, or a seed does.

The first choice offered is the simplest, which a byte of 0 takes, and so do bytes that are missing.
"""

from dataclasses import dataclass
from random import Random

from tests.properties.reference import KEY, Call, Case, Sub

BYTES = 640  # more than a flow needs
TRIGGERS = [
    "all_successful",
    "all_successful",  # the usual one, more often
    "all_successful",
    "all_finished",
    "all_finished",
    "all_failed",
    "any_successful",
    "any_failed",
    "not_all_skipped",
    "two_successful",
    "half_failed",
    "breaks_on_failed",
    "skips_on_failed",
    "fails_on_failed",
    "manual_only",
]
SCRIPTS = ["F", "FF", "FFF", "K", "FK", "E", "FE", "R", "RF", "P", "V", "FV", "L", "FLFL", "LLF"]
SCRIPTS += ["LRFL", "LK", "FLFL", "V", "E", "K"]
WIDTHS = [2, 2, 2, 3, 3, 0, 1, 4]  # mostly such that maps can be zipped
SIZES = [2, 1, 3, 4, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 11, 12]  # calls and sub-flows in a flow


@dataclass(frozen=True)
class Drawn:
    """A random flow, and how it is run."""

    items: list
    block_size: int | None
    is_thrifty: bool  # every value goes the way of the large ones
    threads: int
    block_seconds: float  # 0: a block gives back all but what it began first
    window: int


def drawn(data, *, without=""):
    """Draw from bytes.

    Parameters
    ----------
    without
        Letters of scripts that are left out; P: nothing waits to be approved.
    """
    choices = Choices(data)
    block_size = choices.pick(None, 1, 2, 3)
    is_thrifty, threads = choices.one_in(4), choices.pick(1, 2)
    limits = choices.pick(0.5, 0.0, 0.001), choices.pick(16, 1, 2)
    return Drawn(Drawing(choices, without).items(), block_size, is_thrifty, threads, *limits)


def seeded(seed):
    """Draw from a seed."""
    return drawn(Random(seed).randbytes(BYTES))


class Choices:
    """Choices by bytes, one each."""

    def __init__(self, data):
        self.left = iter(data)

    def below(self, n):
        """Choose a number from 0 to n - 1."""
        return next(self.left, 0) % n

    def pick(self, *choices):
        """Choose one of these."""
        return choices[self.below(len(choices))]

    def one_in(self, n):
        """Choose yes once in so many times."""
        return self.below(n) == n - 1


class Drawing:
    """A flow in the making: each call takes what some of the calls before it return.

    Of each ref it is told what stands behind it: ("of", call, length of the map index it begins
    with), "element" of such a value, "listed" in a list of nodes, or "const".
    """

    def __init__(self, choices, without=""):
        self.choices, self.pick, self.one_in = choices, choices.pick, choices.one_in
        self.triggers = [t for t in TRIGGERS if t != "manual_only" or "P" not in without]
        self.scripts = [script for script in SCRIPTS if not {*script} & {*without}]
        # Of each call: the sub-flows around, whether it is mapped; None: nothing can take it.
        self.calls = []
        self.keys, self.branches = [], []  # calls that return a 0 or a 1, calls in cases

    def items(self, subs=(), sizes=SIZES, cases=0):
        """Draw a flow, a sub-flow, or a case; `subs` has what is behind the arguments of each."""
        drawn = (self.item(subs, cases) for _ in range(self.pick(*sizes)))
        return [item for items in drawn for item in items]

    def item(self, subs, cases):
        """Draw what is one statement in a flow, and what it needs."""
        if len(subs) < 2 and self.one_in(7 - 3 * len(subs)):
            return [self.sub(subs)]
        if cases < 2 and self.one_in(7):
            key = [] if self.keys and self.one_in(2) else [self.key(subs)]
            return [*key, self.case(subs, cases)]
        if self.calls and self.one_in(12):
            return [self.merge(subs)]
        return [self.call(subs)]

    def key(self, subs):
        """Draw a call that returns a 0 or a 1, mostly."""
        number = len(self.calls)
        inputs = (("whole", self.pick(*self.refs(subs))),)
        trigger = self.pick("all_finished", "all_finished", "all_successful")
        self.calls.append((subs, False))
        self.keys.append(number)
        return Call(number, False, inputs, trigger, self.one_in(2), width=KEY)

    def case(self, subs, cases):
        """Draw a case and what is in it."""
        x = self.pick(*self.refs(subs), *self.keys * 9)
        node = Call(
            len(self.calls), False, (("whole", x),), role="case", value=self.choices.below(2)
        )
        self.calls.append(None)
        before = len(self.calls)
        items = self.items(subs, (1, 2, 3), cases + 1)
        self.branches += [n for n in range(before, len(self.calls)) if self.calls[n]]
        return Case(node, items)

    def merge(self, subs):
        """Draw what takes the first that was not skipped."""
        refs = [*self.refs(subs), *self.branches * 3]
        inputs = tuple(("whole", self.pick(*refs)) for _ in range(self.pick(2, 1, 3)))
        self.calls.append((subs, False))
        return Call(len(self.calls) - 1, False, inputs, skips=False, role="merge")

    def sub(self, subs):
        """Draw a mapped sub-flow."""
        inputs = [self.giver(subs)]
        if self.one_in(2):
            inputs.append(("whole", self.pick(*self.refs(subs))))
        behind = [self.child(how, ref, subs) for how, ref in inputs]
        return Sub(tuple(inputs), self.items((*subs, behind), sizes=(1, 2, 3, 4)))

    def call(self, subs):
        """Draw a call of a task."""
        lanes = [ref for ref in self.refs(subs) if self.is_lane(self.behind(ref, subs))]
        number, is_map = len(self.calls), self.one_in(2)
        if lanes and is_map and self.one_in(5):
            call = Call(number, True, (("flat", self.pick(*lanes)),))
        else:
            inputs = [self.giver(subs)] if is_map else []
            for _ in range(self.pick(1, 1, 2, 0, 3)):
                inputs += self.input(subs, lanes, is_map=is_map)
            call = self.rules(number, tuple(inputs), is_map=is_map)
        self.calls.append((subs, is_map))
        return call

    def rules(self, number, inputs, *, is_map):
        """Draw what a task is told, and what its bodies do."""
        trigger, skips = self.pick(*self.triggers), not self.one_in(3)
        retries, scripts = self.pick(0, 1, 2), self.pick(0, 1, 1, 2)
        script = {self.choices.below(5): self.pick(*self.scripts) for _ in range(scripts)}
        return Call(number, is_map, inputs, trigger, skips, retries, script, self.pick(*WIDTHS))

    def giver(self, subs):
        """Draw what gives a map its width: a constant, a value or a map, a list of nodes."""
        refs = [r for r in self.refs(subs) if self.behind(r, subs) not in {"element", "listed"}]
        nodes = self.nodes()
        if nodes and self.one_in(6):
            return "list", tuple(self.pick(*nodes) for _ in range(self.pick(2, 3)))
        return "each", self.pick(*refs)

    def input(self, subs, lanes, *, is_map):
        """Draw one more input of a call."""
        how = self.pick("whole", "wait", "picked", *(["each", "wait_all"] if is_map else []))
        if how == "each":
            return [self.giver(subs)]
        refs = lanes if how == "picked" else self.refs(subs)
        if how.startswith("wait"):
            refs = [ref for ref in refs if self.behind(ref, subs) not in {"const", "listed"}]
        return [(how, self.pick(*refs))] if refs else []

    def refs(self, subs):
        """Return all that can be taken here, the simplest first."""
        arguments = [("lane", d, i) for d, behind in enumerate(subs) for i in range(len(behind))]
        return [("const", self.pick(*WIDTHS)), *arguments * 2, *self.nodes()]

    def nodes(self):
        """Return the calls that can be taken."""
        return [n for n, call in enumerate(self.calls) if call]

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
