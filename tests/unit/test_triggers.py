"""Whether a task run may start, from how its upstream task runs ended."""

from __future__ import annotations

import pickle

import cloudpickle
import pytest

import daskflow
from daskflow import (
    DefinitionError,
    Fail,
    Loop,
    Pause,
    Retry,
    Skip,
    Succeed,
    all_failed,
    all_finished,
    all_successful,
    always_run,
    any_failed,
    any_successful,
    not_all_skipped,
    some_failed,
    some_successful,
)
from daskflow.graph import Edge
from daskflow.signals import RunInterrupted, Signal
from daskflow.states import (
    Cached,
    Cancelled,
    Crashed,
    Failed,
    Looped,
    Mapped,
    Paused,
    Retrying,
    Skipped,
    Success,
    TimedOut,
    TriggerFailed,
)
from daskflow.triggers import (
    AfterSetup,
    Counts,
    closed,
    count_codes,
    is_cleanup,
    passes_skips,
    refusal,
    state_of_signal,
)

LETTERS = {
    "S": Success,
    "C": Cached,
    "K": Skipped,
    "M": Mapped,
    "F": Failed,
    "T": TriggerFailed,
    "O": TimedOut,
    "R": Crashed,
    "X": Cancelled,
}


def column(letters: str) -> bytes:
    return bytes(LETTERS[letter].code for letter in letters)


def states(letters: str):
    """Return what a trigger is asked about: one upstream task run for each letter."""
    return {Edge(f"n{i}", "me"): LETTERS[letter]() for i, letter in enumerate(letters)}


def decided(trigger, letters: str, *, skips: bool = True):
    """Return the kind of state that keeps a task run from starting, by name; "" for none."""
    counts = count_codes(map(column, letters))
    try:
        refused = refusal(trigger, counts, states(letters), skips_with_upstream=skips)
    except Signal as signal:
        refused = state_of_signal(signal)
    return type(refused).__name__ if refused else ""


@pytest.mark.parametrize(
    ("columns", "counts"),
    [
        ([], Counts()),
        ([""], Counts()),
        (["SCKM"], Counts(4, 4, 1, 0, 0)),
        (["FTOR", "X"], Counts(5, 0, 0, 4, 0)),
        (["KK", "K", "S"], Counts(4, 4, 3, 0, 2)),
        (["KS"], Counts(2, 2, 1, 0, 0)),
    ],
)
def test_what_is_counted(columns, counts):
    """Kinds are counted by task run; a node counts as skipped when all its task runs are."""
    assert count_codes(map(column, columns)) == counts


# What each trigger says to each of these upstream endings: "." it may start, "T" TriggerFailed,
# "K" Skipped; written by hand from the rules.
ENDINGS = ["S", "C", "M", "K", "F", "T", "O", "R", "X", "SK", "SF", "KF", "SX", "FX", "KX", "SKF"]
TABLE = {
    all_successful: ".  .  .  K  T  T  T  T  T  K  T  T  T  T  T  T",
    all_failed: "    T  T  T  T  .  .  .  .  T  T  T  T  T  T  T  T",
    all_finished: "  .  .  .  K  .  .  .  .  .  K  .  .  .  .  K  .",
    any_successful: ".  .  .  K  T  T  T  T  T  K  .  .  .  T  K  .",
    any_failed: "    T  T  T  T  .  .  .  .  T  T  .  .  T  .  T  .",
}
WITHOUT_SKIP_RULE = {
    all_successful: " .  .  .  .  T  T  T  T  T  .  T  T  T  T  T  T",
    all_finished: "   .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .",
    not_all_skipped: ".  .  .  K  T  T  T  T  T  .  T  T  T  T  T  T",
}
SAID = {".": "", "T": "TriggerFailed", "K": "Skipped"}
ROWS = [(trigger, row, True) for trigger, row in TABLE.items()] + [
    (trigger, row, False) for trigger, row in WITHOUT_SKIP_RULE.items()
]


@pytest.mark.parametrize(("trigger", "row", "skips"), ROWS)
def test_what_each_trigger_says(trigger, row, skips):
    """Each trigger answers as in the table, with the skip rule and without it."""
    said = {letters: decided(trigger, letters, skips=skips) for letters in ENDINGS}
    assert said == {letters: SAID[sign] for letters, sign in zip(ENDINGS, row.split(), strict=True)}


@pytest.mark.parametrize("trigger", [*TABLE, not_all_skipped, some_failed(at_least=1), bool])
def test_with_nothing_upstream_every_trigger_says_yes(trigger):
    """A root, or a reduce over an empty map, starts whatever its trigger."""
    assert decided(trigger, "") == ""
    if trigger is not bool:
        assert trigger({}) is True


@pytest.mark.parametrize("trigger", TABLE)
def test_a_trigger_can_be_asked_with_states(trigger):
    """Called with states, as a user's own trigger may do, a trigger decides as with counts."""
    for letters in ENDINGS:
        expected = trigger.decide(count_codes(map(column, letters)))
        assert trigger(states(letters)) is expected


def test_always_run_is_another_word():
    """`always_run` is `all_finished`."""
    assert always_run is all_finished


@pytest.mark.parametrize(
    ("trigger", "letters", "passes"),
    [
        (some_successful(at_least=2), "SSFF", True),
        (some_successful(at_least=3), "SSFF", False),
        (some_successful(at_most=2), "SSFF", True),
        (some_successful(at_most=1), "SSFF", False),
        (some_successful(1, 2), "SSFF", True),
        (some_successful(at_least=0.5), "SSFF", True),
        (some_successful(at_least=0.51), "SSFF", False),
        (some_successful(at_least=1.0), "SSF", False),  # a share: all
        (some_successful(at_least=1), "SFF", True),  # a count: one
        (some_successful(at_least=0.28), "S" * 7 + "F" * 18, True),
        (some_failed(at_least=0.28), "F" * 7 + "S" * 18, True),
        (some_failed(at_most=0), "SSS", True),
        (some_failed(at_most=0), "SSF", False),
        (some_failed(at_most=0.5), "SFF", False),
        (some_failed(at_least=1), "XX", False),  # Cancelled is neither
    ],
)
def test_how_many_counted_or_as_a_share(trigger, letters, passes):
    """An int counts task runs, a float is a share of all of them; both bounds are inclusive."""
    assert decided(trigger, letters) == ("" if passes else "TriggerFailed")


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ({}, "some_failed needs at_least= or at_most="),
        ({"at_least": 1.5}, r"at_least=1.5.*a share from 0.0 to 1.0; an int counts"),
        ({"at_most": -0.1}, r"at_most=-0.1.*a share"),
        ({"at_most": -1}, r"at_most=-1\): must not be negative"),
    ],
)
def test_bounds_that_make_no_sense(bounds, told):
    """Bounds are checked where they are written, and the message says what they may be."""
    with pytest.raises(DefinitionError, match=told):
        some_failed(**bounds)
    with pytest.raises(DefinitionError, match=told.replace("some_failed", "some_successful")):
        some_successful(**bounds)


def test_a_trigger_failure_tells_the_counts():
    """The message of a refusal names the trigger, how many ended how, and the first failed."""
    states = {
        Edge("a", "c"): Success(),
        Edge("b", "c", map_index=(1,)): Failed("ValueError: no"),
        Edge("b", "c", map_index=(2,)): Failed("ValueError: neither"),
    }
    state = refusal(all_successful, Counts(4, 3, 1, 1, 1), states, skips_with_upstream=True)
    assert isinstance(state, TriggerFailed)
    assert state.message == (
        "trigger all_successful said no: of 4 upstream task runs 1 failed, 3 succeeded (1 skipped)"
        "; first failed: b[1]: ValueError: no"
    )


def test_a_trigger_failure_without_a_failure_names_none():
    """Where nothing upstream failed the message ends with the counts."""
    states = {Edge("a", "c"): Success()}
    state = refusal(all_failed, Counts(1, 1), states, skips_with_upstream=True)
    assert state.message == (
        "trigger all_failed said no: of 1 upstream task runs 0 failed, 1 succeeded (0 skipped)"
    )


def test_the_root_of_a_chain_of_refusals_is_passed_along():
    """A task run far down a chain names the one that failed, not its neighbour."""
    message, upstream = "ValueError: no", Failed("ValueError: no")
    for name in ("a", "b", "c"):
        states = {Edge(name, "next", map_index=(3,) if name == "a" else ()): upstream}
        upstream = refusal(all_successful, Counts(1, failed=1), states, skips_with_upstream=True)
        assert upstream.message.endswith(f"; first failed: a[3]: {message}")
        assert upstream.message.count("first failed") == 1


@pytest.mark.parametrize(
    ("message", "told"), [("weekend", "because of a: weekend"), ("", "because of a")]
)
def test_the_root_of_a_chain_of_skips_is_passed_along(message, told):
    """A task run far down a chain names the one that skipped itself, and its reason if it has."""
    upstream = Skipped(message)
    for name in ("a", "b", "c"):
        states = {Edge("other", "next"): Success(), Edge(name, "next"): upstream}
        counts = Counts(2, 2, skipped=1, skips=1)
        upstream = refusal(all_successful, counts, states, skips_with_upstream=True)
        assert (type(upstream), upstream.message) == (Skipped, told)


def never(states):
    return False


class Never:
    def __call__(self, states):
        return ""

    def __repr__(self):
        return "<never>"


@pytest.mark.parametrize(
    ("trigger", "name"),
    [(never, "never"), (Never(), "<never>"), (some_failed(at_most=0), "some_failed(")],
)
def test_a_trigger_is_named_as_well_as_may_be(trigger, name):
    """A function is named by its name, a made trigger by its call, anything else by its repr."""
    state = refusal(trigger, Counts(1, 0, 0, 1), states("F"), skips_with_upstream=True)
    assert state.message.startswith(f"trigger {name}")


def test_a_trigger_of_the_users_sees_every_upstream_task_run():
    """A function of {edge: state} is asked with all of them, and its truth value decides."""
    asked = []

    def two_of_them(given):
        asked.append({edge.upstream: type(state).__name__ for edge, state in given.items()})
        return [state for state in given.values() if state.is_successful()][1:]

    assert decided(two_of_them, "SSF") == ""
    assert decided(two_of_them, "SFF") == "TriggerFailed"
    assert asked[0] == {"n0": "Success", "n1": "Success", "n2": "Failed"}


@pytest.mark.parametrize(
    "error", [ValueError("bad"), SystemExit(3), KeyboardInterrupt(), GeneratorExit()]
)
def test_a_trigger_that_raises_is_a_trigger_failure(error):
    """Whatever a trigger raises ends its task run as TriggerFailed, carrying the exception."""

    def raising(states):
        raise error

    state = refusal(raising, Counts(1, 1), states("S"), skips_with_upstream=True)
    assert isinstance(state, TriggerFailed)
    assert state.exception is error
    assert repr(error) in state.message


def test_an_interrupted_run_goes_up_to_the_driver():
    """The engine's own Ctrl-C inside a trigger is no end of the task run."""

    def raising(states):
        raise RunInterrupted

    with pytest.raises(RunInterrupted):
        refusal(raising, Counts(1, 1), states("S"), skips_with_upstream=True)


@pytest.mark.parametrize(
    ("signal", "kind"),
    [
        (Skip("so"), Skipped),
        (Fail("so"), Failed),
        (Succeed("so"), Success),
        (Retry("so"), Retrying),
        (Pause("so"), Paused),
        (Loop("so"), Looped),
    ],
)
def test_a_trigger_that_raises_a_signal_gives_its_state(signal, kind):
    """It is as if the body had raised it: the signal goes on, and has its state."""

    def raising(states):
        raise signal

    with pytest.raises(type(signal)) as raised:
        refusal(raising, Counts(1, 1), states("S"), skips_with_upstream=True)
    state = state_of_signal(raised.value)
    assert (type(state), state.message) == (kind, "so")


def test_a_trigger_that_raises_what_cannot_be_shown():
    """The class of the exception is named where its ``repr`` is broken as well."""

    class OddError(Exception):
        def __repr__(self):
            raise RuntimeError("no repr either")

    def trigger(_):
        raise OddError

    refused = refusal(trigger, count_codes([b"\x00"]), {}, skips_with_upstream=True)
    assert type(refused) is TriggerFailed
    assert refused.message == "its trigger raised OddError"


def test_the_state_of_a_signal():
    """A failure carries its signal; a signal that is none of ours is refused."""
    fail = Fail("so", result=1)
    assert state_of_signal(fail).exception is fail
    assert state_of_signal(Skip("so")) == Skipped("so")
    with pytest.raises(TypeError, match="not a signal of daskflow's"):
        state_of_signal(Signal("odd"))


NAMED = [*TABLE, not_all_skipped]


@pytest.mark.parametrize("trigger", NAMED)
def test_a_named_trigger_travels_by_its_name(trigger):
    """Pickling one of the named triggers gives the same object on the other side."""
    assert pickle.loads(pickle.dumps(trigger)) is trigger
    assert getattr(daskflow, repr(trigger)) is trigger


@pytest.mark.parametrize("trigger", [some_failed(at_least=1), some_successful(at_most=0.5)])
def test_a_made_trigger_travels_by_value(trigger):
    """Pickling a trigger with bounds gives an equal one."""
    assert cloudpickle.loads(cloudpickle.dumps(trigger)) == trigger
    assert pickle.loads(pickle.dumps(trigger)) == trigger


def test_one_trigger_looks_at_skips_itself():
    """`not_all_skipped` replaces the skip rule, no other trigger does."""
    assert [t for t in NAMED if passes_skips(t)] == [not_all_skipped]


UNDECIDED = "the case it is in was not decided"


@pytest.mark.parametrize(
    ("cases", "said"),
    [
        (["S"], None),
        (["S", "M"], None),
        (["SK"], None),  # a gate from many task runs, some of which were not skipped
        (["K"], "Skipped('because of n0: no match')"),
        (["S", "K"], "Skipped('because of n1: no match')"),
        (["KK"], "Skipped('because of n0: no match')"),
        (["F"], f"TriggerFailed('{UNDECIDED}; first failed: n0: no match')"),
        (["K", "O"], f"TriggerFailed('{UNDECIDED}; first failed: n1: no match')"),
        (["X"], f"TriggerFailed('{UNDECIDED}; cancelled: n0: no match')"),
    ],
)
def test_what_a_case_lets_in(cases, said):
    """All of its cases must have matched; a failed one outranks one that was skipped."""
    letters = "".join(cases)
    states = {Edge(f"n{i}", "me"): LETTERS[one]("no match") for i, one in enumerate(letters)}
    found = closed(count_codes(map(column, cases)), states)
    assert (found if found is None else str(found)) == said


def test_what_cleans_up():
    """Behind a setup that succeeded, whatever else happened; behind none there is nothing to do."""
    trigger = AfterSetup("resource")
    setup, other = Edge("setup", "me", "resource"), Edge("use", "me")
    assert trigger({setup: Success(), other: Failed()})
    assert trigger({other: Failed()})
    for state in (Skipped(), Failed(), Cancelled()):
        with pytest.raises(Skip, match="nothing to clean up"):
            trigger({other: Success(), setup: state})
    assert is_cleanup(trigger)
    assert passes_skips(trigger)
    assert not is_cleanup(all_finished)
    assert pickle.loads(pickle.dumps(trigger)) == trigger


@pytest.mark.parametrize(
    ("make", "kind"), [(some_failed, "failed"), (some_successful, "successful")]
)
@pytest.mark.parametrize(
    ("bounds", "yes"),
    [
        ({"at_least": 2}, [2, 3, 4]),
        ({"at_most": 2}, [0, 1, 2]),
        ({"at_least": 1, "at_most": 2}, [1, 2]),
        ({"at_least": 0.5}, [2, 3, 4]),
        ({"at_most": 0.25}, [0, 1]),
        ({"at_least": 0.0, "at_most": 1.0}, [0, 1, 2, 3, 4]),
        ({"at_most": 0}, [0]),
    ],
)
def test_counts_and_shares(make, kind, bounds, yes):
    """Of four task runs, an int counts those of the kind, a float is their share; both may be 0."""
    trigger = make(**bounds)
    assert [n for n in range(5) if trigger.decide(Counts(total=4, **{kind: n}))] == yes
    told = {"at_least": None, "at_most": None} | bounds
    words = ", ".join(f"{word}={bound}" for word, bound in told.items())
    assert repr(trigger) == f"some_{kind}({words})"


@pytest.mark.parametrize(
    ("signal", "message"),
    [(Retry(), "asked to be run again"), (Pause(), "waits for approval"), (Skip(), "")],
)
def test_a_signal_without_words(signal, message):
    """Its state says what it waits for."""
    assert state_of_signal(signal).message == message


def test_a_loop_passes_on_its_result():
    """The state of the signal has it."""
    assert state_of_signal(Loop("so", result=[1])).result == [1]


def test_why_all_are_skipped():
    """The message of what `not_all_skipped` skips tells so."""
    with pytest.raises(Skip, match=r"^all upstream task runs were skipped$"):
        not_all_skipped.decide(Counts(2, 2, 2))


def test_a_refusal_names_its_trigger():
    """One of ours by its name, a function by its own."""

    def mine(states):
        return False

    for trigger in (all_successful, mine):
        state = refusal(trigger, Counts(1, failed=1), states("F"), skips_with_upstream=True)
        name = getattr(trigger, "name", "mine")
        assert state.message.startswith(f"trigger {name} said no: of 1 upstream task runs 1 failed")
