"""What a flow means in the plainest terms: call after call, lane after lane, run after run.

It shares no code with the engine. Kinds of states go by their short names: S, SK, F, TF; in
histories also R (Retrying), PA (Paused), P (Pending again, for somebody approved).

An input of a call is told by (how, ref). A ref is the number of a call, ("const", n) for a list,
("lane", d, i) for the i-th argument of the d-th sub-flow around, or a tuple of numbers for a list
of nodes. How: each (mapped over), list (likewise, of these nodes), whole, picked (`successful`),
flat (`flatten`), wait, wait_all (`unmapped` in a map).
"""

from dataclasses import dataclass, field
from zlib import crc32


@dataclass(frozen=True)
class Call:
    """One call of a task: over what, and what each attempt of its bodies does."""

    number: int  # from 0, in the order of the flow
    is_map: bool
    inputs: tuple
    trigger: str = "all_successful"
    skips: bool = True  # skip_on_upstream_skip
    retries: int = 0
    script: dict[int, str] = field(default_factory=dict)  # by the sum of a map index; see `LETTERS`
    width: int = 2  # of the list that it returns, more or less; KEY: it returns a 0 or a 1
    role: str = "task"  # or the node of a case, or a merge
    value: int = 0  # that a case matches

    def calls(self):
        """Return the calls in it."""
        return [self]


@dataclass(frozen=True)
class Case:
    """What is in a case: its node, and the items that run where it matches."""

    node: Call
    items: list

    def calls(self):
        """Return the calls in it, its own node first."""
        return [self.node, *(call for item in self.items for call in item.calls())]


@dataclass(frozen=True)
class Sub:
    """One call of a mapped sub-flow: over what, and what is in it."""

    inputs: tuple
    items: list
    trigger: str = "all_successful"
    skips: bool = True

    def calls(self):
        """Return the calls in it."""
        return [call for item in self.items for call in item.calls()]


KEY = -1
# What one call of a body does, letter by letter; behind the last one it returns.
LETTERS = {
    "F": "raises",
    "E": "raises Fail with a result",
    "K": "raises Skip",
    "R": "asks to be called again",
    "P": "waits to be approved",
    "V": "raises Succeed with a result",
    "L": "ends an iteration with a result",
}


def constant(n):
    """Return the value of a constant."""
    return [list(range(k % 3)) for k in range(n)]


def output(call, index, args):
    """Return what a body returns: a list that tells what its arguments were."""
    told = crc32(repr((call.number, index, args)).encode()) % 1000
    if call.width == KEY:
        return told % 2
    return [told] * ((call.width + sum(index)) % 5)


def answer(trigger, kinds):
    """Return how a trigger ends a task run with these kinds upstream; None: it may start."""
    bad = kinds.count("F") + kinds.count("TF")
    good = len(kinds) - bad
    said = {"all_successful": not bad, "all_failed": not good, "all_finished": True}
    said |= {"any_successful": good > 0, "any_failed": bad > 0, "not_all_skipped": not bad}
    said |= {"two_successful": good > 1, "half_failed": bad >= good, "manual_only": True}
    said |= {"breaks_on_failed": not bad, "skips_on_failed": True, "fails_on_failed": True}
    if not kinds or said[trigger]:
        signals = {"skips_on_failed": ("SK", None), "fails_on_failed": ("F", [0, 7], "Fail")}
        return signals.get(trigger) if bad else None
    return "TF", "TriggerFailedError"


def refusal(rules, edges):
    """Return how its trigger, or the skip rule, ends a task run before its start."""
    kinds = list({run: kind for edge in edges for run, kind in edge.items()}.values())
    if refused := answer(rules.trigger, kinds):
        return refused
    skipped = [edge for edge in edges if edge and set(edge.values()) == {"SK"}]
    if rules.trigger == "not_all_skipped":
        return ("SK", None) if kinds and set(kinds) == {"SK"} else None
    return ("SK", None) if rules.skips and skipped and not {"F", "TF"} & set(kinds) else None


class Fate:
    """What becomes of a task run that starts: body after body, as its script says."""

    def __init__(self, call, index, args):
        self.call, self.index, self.args = call, index, args
        self.history = []  # the states that are told, which are all but the happy ones
        self.played = ""  # the letters that it came to
        self.starts = 0  # of bodies, in all iterations
        self.attempts = self.failed = 0  # in this iteration; failed: what cost a retry
        self.loops, self.result = 0, None
        self.end = None
        for letter in call.script.get(sum(index), "") + ".":
            if self.end is None:
                self.end = self.play(letter)

    def play(self, letter):
        """Call the body once; return kind and value if that is the end."""
        self.played += letter
        self.starts, self.attempts = self.starts + 1, self.attempts + 1
        told = output(self.call, self.index, [*self.args, self.loops, self.result])
        if letter == "L":
            self.loops, self.result, self.attempts, self.failed = self.loops + 1, told, 0, 0
        elif letter in "FE" and self.failed < self.call.retries:
            self.failed += 1
            self.history.append("R")
        elif letter in "RP":
            self.history += ["R"] if letter == "R" else ["PA", "P"]
        else:
            ends = {"F": ("F", "ValueError"), "E": ("F", told, "Fail"), "K": ("SK", None)}
            return ends.get(letter, ("S", told))
        return None


class Reading:
    """How each task run ends, what consumers get of it, and how often bodies start."""

    def __init__(self, items):
        self.around = {}  # of each call by number: the sub-flows that it is in
        self.depths = {}  # how long its map indexes are
        # by map index, or where there are no children above it: kind, what consumers get, and what
        # the user reads where that is something else
        self.ends = {}
        self.widths = {}  # by the beginning of a map index: how many there are
        self.fates = {}  # of task runs that started
        self.untold = set()  # what ended with a sub-flow that has no lanes
        self.approved = set()  # task runs that waited before they started
        self.enter(items, ())
        self.play(items, (), ())

    def enter(self, items, subs):
        """Note all calls."""
        for item in items:
            if isinstance(item, Case):
                self.enter([item.node, *item.items], subs)
            elif isinstance(item, Sub):
                self.enter(item.items, (*subs, item))
            else:
                self.around[item.number], self.depths[item.number] = subs, len(subs) + item.is_map
                self.ends[item.number], self.widths[item.number] = {}, {}

    def play(self, items, subs, lane, gates=()):
        """Go through the items of the flow, or of one lane of a sub-flow, or of a case in there."""
        for item in items:
            if isinstance(item, Case):
                self.play([item.node], subs, lane, gates)
                gate = ("of", item.node.number, lane)
                self.play(item.items, subs, lane, (*gates, gate))
                continue
            given = [(how, self.source(how, ref, subs, lane)) for how, ref in item.inputs]
            if isinstance(item, Call) and not item.is_map:
                self.run(item, lane, given, gates)
                continue
            places = self.closed(gates) or self.places(item, given)
            self.open(item, lane, places)
            for k, place in enumerate(places if isinstance(places, list) else ()):
                if isinstance(item, Sub):
                    self.play(item.items, (*subs, item), (*lane, k))
                else:
                    children = [(how, self.child(how, source, place)) for how, source in given]
                    self.run(item, (*lane, k), children)

    def open(self, item, lane, places):
        """Note how many children there are, or the state in which a map ends without any."""
        for call in item.calls():
            if isinstance(places, tuple):
                self.ends[call.number][lane] = places
                self.untold |= {(call.number, lane)} if isinstance(item, Sub) else set()
            else:
                self.widths[call.number][lane] = len(places)

    def closed(self, gates):
        """Return how the cases around end what is in them; None: they match."""
        kinds = {kind for gate in gates for kind in self.runs(gate).values()}
        if kinds & {"F", "TF"}:
            return "TF", "TriggerFailedError"
        return ("SK", None) if "SK" in kinds else None

    def source(self, how, ref, subs, lane):
        """Return what a ref means in a lane: ("of", call, beginning of the map indexes) or so."""
        if how == "list":
            return [self.source("whole", one, subs, lane) for one in ref]
        if isinstance(ref, int):
            both = zip(subs, self.around[ref], strict=False)
            shared = next((d for d, (a, b) in enumerate(both) if a is not b), None)
            least = min(len(subs), len(self.around[ref]))
            return "of", ref, lane[: least if shared is None else shared]
        if ref[0] == "const":
            return "const", constant(ref[1])
        _, d, i = ref
        how, what = subs[d].inputs[i]
        return self.child(how, self.source(how, what, subs[:d], lane[:d]), lane[d])

    def is_lane(self, source):
        """Return whether a source is many task runs."""
        return source[0] == "of" and self.depths[source[1]] > len(source[2])

    def child(self, how, source, place):
        """Return what one child of a map gets of a source."""
        if how == "list":
            return source[place]
        if how in ("each", "wait") and self.is_lane(source):
            return "of", source[1], (*source[2], place)
        if how == "each":
            return "element", source, place
        if how == "flat":
            _, n, start = source
            if self.depths[n] > len(start) + 1:
                return "of", n, (*start, *place)
            return "element", ("of", n, (*start, place[0])), place[1]
        return source

    def places(self, item, given):
        """Return the places of a map's children, or how it ends without any."""
        edges, found = [], []
        for how, source in given:
            if how in ("each", "flat", "list") or (how == "wait" and self.is_lane(source)):
                found.append(self.wide(how, source))
                if how != "list":
                    edges.append(self.parent(source))
        if refused := refusal(item, edges):
            return refused
        if None in found or len(set(map(len, found))) > 1:
            return "F", "DefinitionError"
        return found[0]

    def parent(self, source):
        """Return the state of an input for the map over it: with children it is a success."""
        if source[0] != "of":
            return {}
        _, n, start = source
        return {(n, start): "S" if start in self.widths[n] else self.ends[n][start][0]}

    def wide(self, how, source):
        """Return the places that an input of a map gives; None where nobody can tell."""
        if how == "list":
            return list(range(len(source)))
        if not self.is_lane(source):
            value = self.value(source)
            return list(range(len(value))) if isinstance(value, list) else None
        _, n, start = source
        if start not in self.widths[n]:
            return None
        if how != "flat":
            return list(range(self.widths[n][start]))
        parts = [self.part(n, (*start, k)) for k in range(self.widths[n][start])]
        return None if None in parts else [(k, j) for k, w in enumerate(parts) for j in range(w)]

    def part(self, n, at):
        """Return how many elements one task run, or what is below it, gives to `flatten`."""
        if at in self.widths[n]:
            return self.widths[n][at]
        kind, value = self.ends[n][at][:2]
        if kind != "S":
            return 1
        return len(value) if isinstance(value, list) else None

    def value(self, source, *, is_picked=False, part=1):
        """Return what a consumer gets of a source; exceptions by the names of their types.

        The last part of what is known of an end, -1, is what the user reads.
        """
        if source[0] == "const":
            return source[1]
        if source[0] == "element":
            return self.value(source[1])[source[2]]
        _, n, start = source
        for stop in range(len(start) + 1):
            if start[:stop] in self.ends[n]:
                end = self.ends[n][start[:stop]]
                return [] if is_picked and end[0] != "S" else end[part]
        below = [(*start, k) for k in range(self.widths[n][start])]
        if is_picked:
            below = [one for one in below if self.ends[n].get(one, ("S",))[0] == "S"]
        return [self.value(("of", n, one), is_picked=is_picked, part=part) for one in below]

    def runs(self, source):
        """Return the kinds of the task runs behind a source."""
        if source[0] != "of":
            return self.runs(source[1]) if source[0] == "element" else {}
        _, n, start = source
        ends = self.ends[n].items()
        return {(n, at): end[0] for at, end in ends if at[: len(start)] == start[: len(at)]}

    def run(self, call, index, given, gates=()):
        """Note how one task run ends."""
        refused = self.closed(gates)
        if call.trigger != "manual_only":
            refused = refused or refusal(call, [self.runs(source) for _, source in given])
        elif not refused:
            self.approved.add((call.number, index))
        self.ends[call.number][index] = refused or self.outcome(call, index, given)

    def outcome(self, call, index, given):
        """Return how a task run ends that starts, and note what happens meanwhile."""
        if call.role == "merge":
            found = [source for _, source in given if {*self.runs(source).values()} != {"SK"}]
            return ("S", self.value(found[0])) if found else ("SK", None)
        args = [
            self.value(source, is_picked=how == "picked")
            for how, source in given
            if not how.startswith("wait")
        ]
        if call.inputs and call.inputs[0][0] == "flat":
            return "S", args[0]
        if call.role == "case":
            return ("S", True) if args[0] == call.value else ("SK", None)
        fate = self.fates[call.number, index] = Fate(call, index, args)
        return fate.end

    def histories(self):
        """Return the states of each task run that are told, in order; the happy ones are not.

        A map that ends without children tells so by its own name, a sub-flow not by its calls'.
        """
        runs = [(n, at) for n, ends in self.ends.items() for at in ends]
        told = {run: self.history(*run) for run in runs if run not in self.untold}
        return {run: history for run, history in told.items() if history}

    def history(self, n, index):
        """Return the same of one."""
        before = ["PA", "P"] if (n, index) in self.approved else []
        fate = self.fates.get((n, index))
        kind = self.ends[n][index][0]
        return before + (fate.history if fate else []) + ([] if kind == "S" else [kind])

    def read(self, n):
        """Return what the user reads of a call."""
        return self.value(("of", n, ()), part=-1)

    def tree(self, n, start=()):
        """Return the kind of a call, or those of its children in lists."""
        if start in self.ends[n]:
            return self.ends[n][start][0]
        return [self.tree(n, (*start, k)) for k in range(self.widths[n][start])]
