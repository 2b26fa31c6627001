"""A desk for tests of lowering: a traced flow, its columns, and plans written out as text."""

from __future__ import annotations

from dataclasses import replace

from daskflow import all_finished, any_failed, any_successful, flow, task
from daskflow.demands import NO_DEMAND
from daskflow.events import Length
from daskflow.lowering import AtHand, Known, Plan, Target, lower, verify
from daskflow.lowering.known import OWNED
from daskflow.states import Crashed, Pending, Success


def make(name, demand=NO_DEMAND, **options):
    """Return a task that takes anything; its body is never called here."""
    made = task(lambda *args: args, name=name, **options)
    made.rules = replace(made.rules, demand=demand)
    return made


a, b, c, d, e = map(make, "abcde")
total = make("total")
always = make("always", trigger=all_finished)
rescue = make("rescue", trigger=any_failed)
lucky = make("lucky", trigger=any_successful)
proud = make("proud", skip_on_upstream_skip=False)


class Desk:
    """What a driver would know of one flow run, changed by hand."""

    def __init__(self, function, **parameters):
        made = flow(function, name="case").definition()
        self.graph = made.graph
        self.known = Known.nothing(made.graph)
        self.columns, self.spaces = self.known.columns, self.known.spaces
        self.literals = {**made.literals, **parameters}
        self.lengths = {}
        self.keys = {}
        self.large = frozenset()
        self.placed = frozenset()
        self.next_block = 1

    @property
    def at_hand(self):
        """What lowering is given of the values."""
        holders = dict.fromkeys(self.keys, "desk")
        return AtHand(self.literals, self.large, self.placed, self.lengths, self.keys, holders)

    def lower(self, block_size=None, threads=1) -> Plan:
        """Return the next plan, checked."""
        plan = self.lower_unchecked(block_size, threads)
        assert verify(plan, self.graph, self.known) == []
        return plan

    def lower_unchecked(self, block_size=None, threads=1) -> Plan:
        """Return the next plan as it is: the check would look at each task run."""
        target = Target("ab12", threads, block_size, self.next_block)
        return lower(self.graph, self.known, self.at_hand, target)

    def take(self, plan):
        """Note what a plan decided and which task runs its blocks own."""
        for opening in plan.openings:
            self.open(*opening)
        for space, parent, state in plan.ended:
            self.spaces[space].decided[parent] = state
        for block in plan.blocks:
            self.keys[block.number] = block.key
            self.next_block = block.number + 1
            for name, position in runs_of(block):
                self.columns[name].codes[position] = OWNED
                self.columns[name].blocks[position] = block.number
        return plan

    def open(self, space, parent, width, parts=()):
        """Let there be so many task runs below one place of the space around."""
        self.spaces[space].open(parent, width, parts)
        for column in self.columns.values():
            column.grow()

    def measure(self, name, *elements, **told):
        """Note how long the values of a node's first task runs are; a text: why that is unknown."""
        for position, one in enumerate(elements):
            length = Length(None, one, **told) if isinstance(one, str) else Length(one, **told)
            self.lengths.setdefault(name, {})[position] = length

    def play(self, block_size=None, **codes):
        """Take the next plan and let its task runs end, as Success or as these kinds of state."""
        plan = self.take(self.lower(block_size))
        self.end(plan, **codes)
        return plan

    def end(self, plan=None, /, **codes):
        """Let the task runs of a plan end as Success, or by name as these kinds of state."""
        for block in plan.blocks if plan else ():
            for name, position in runs_of(block):
                self.set(name, position, Success)
        for name, kinds in codes.items():
            for position, kind in enumerate(kinds if isinstance(kinds, list) else [kinds]):
                self.set(name, position, kind)
        return self

    def set(self, name, position, kind, attempts=1):
        """Bring one task run into a kind of state."""
        self.columns[name].codes[position] = kind.code
        self.columns[name].attempts[position] = attempts

    def give_back(self, name, position, attempts=1):
        """Let a task run be open again; its column still names the block that it was in."""
        self.set(name, position, Pending, attempts)

    def crash(self, name, position, message):
        """Let a task run end in the driver, so that no block tells of it."""
        self.set(name, position, Crashed)
        self.columns[name].blocks[position] = 0
        self.columns[name].states[position] = Crashed(message)


def runs_of(block):
    """Return the task runs of a block in the order in which it walks them."""
    return [
        (name, position)
        for strip in block.strips
        for position in range(strip.start, strip.stop)
        for name in strip.nodes
    ]


def told(plan):
    """Return a line for each block: its number, its strips, and the blocks it needs."""
    return [
        f"{block.number}: "
        + " + ".join(f"{','.join(s.nodes)} {s.start}-{s.stop}" for s in block.strips)
        + (f" <- {' '.join(str(key[1]) for key in block.inputs)}" if block.inputs else "")
        for block in plan.blocks
    ]
