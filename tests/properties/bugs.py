"""Bugs to be put into the engine, one at a time: each breaks a sentence of what it means.

`BUGS` has them by name: functions that take a `MonkeyPatch`. They patch what the engine is made
of, so a change in there may need one here: the test tells of a bug that is none any more.
"""

import sys
from itertools import chain

from daskflow import triggers
from daskflow.definition import definitions
from daskflow.definition.nodes import literals_in
from daskflow.events import Length
from daskflow.lowering import needs
from daskflow.lowering.expand import Width, _Parent
from daskflow.retries import RetryPolicy
from daskflow.runtime import inputs, steps
from daskflow.runtime.holding import Holding
from daskflow.runtime.inputs import Inputs
from daskflow.runtime.record import RunRecord
from daskflow.runtime.wiring import Wire
from daskflow.signals import Fail
from daskflow.states import FAILED, SUCCESSFUL, Failed, Retrying, Skipped, Success, TriggerFailed

BUGS = {}


def bug(function):
    """Take one into the table; its docstring says what it does."""
    BUGS[function.__name__] = function
    return function


def wrapped(patch, owner, name, wrapper):
    """Put a wrapper around a function: it is called with the original in front."""
    original = getattr(owner, name)
    patch.setattr(owner, name, lambda *args, **kw: wrapper(original, *args, **kw))


def in_step(patch, row, name, wrapper):
    """Put a wrapper around one step in a row of steps."""
    old = getattr(steps, row)
    made = [
        (lambda run, state, step=step: wrapper(step, run, state)) if step.__name__ == name else step
        for step in old
    ]
    assert any(new is not step for new, step in zip(made, old, strict=True))
    patch.setattr(steps, row, tuple(made))


# ----------------------------------------------------------------------------------- may it start?


@bug
def skip_outranks_failure(patch):
    """[F, SK] is Skipped."""

    def refusal(original, trigger, counts, states, *, skips_with_upstream):
        if skips_with_upstream and counts.skips:
            return Skipped()
        return original(trigger, counts, states, skips_with_upstream=skips_with_upstream)

    wrapped(patch, steps, "refusal", refusal)


@bug
def skips_are_passed_over(patch):
    """Nothing is skipped with what is upstream."""
    wrapped(
        patch,
        steps,
        "refusal",
        lambda original, *args, skips_with_upstream: original(*args, skips_with_upstream=False),
    )


@bug
def one_skipped_child_skips_the_reduce(patch):
    """A mapped upstream counts as skipped when any of its children was."""

    def count(original, codes):
        codes = list(codes)
        return original(codes)._replace(skips=sum(Skipped.code in column for column in codes))

    wrapped(patch, steps, "count_codes", count)


@bug
def a_trigger_counts_constants(patch):
    """Each constant among the arguments is a success."""

    def codes(original, self, position):
        constants = chain.from_iterable(literals_in(a.form) for a in self.node.arguments)
        return [*original(self, position), *(bytes([Success.code]) for _ in constants)]

    wrapped(patch, Wire, "codes", codes)


@bug
def a_trigger_failure_is_no_failure(patch):
    """To triggers TriggerFailed is neither a failure nor a success."""
    triggers._count_column.cache_clear()
    patch.setattr(triggers, "FAILED", FAILED - {TriggerFailed.code})
    patch.setattr(triggers, "_count_column", triggers._count_column.__wrapped__)


@bug
def nothing_upstream_is_asked_about(patch):
    """A trigger is asked where there is nothing upstream, and may say no."""
    patch.setattr(triggers.CountTrigger, "decide", lambda self, counts: self.rule(counts))

    def ask(step, run, state):
        is_root = not run.codes or not any(run.codes)
        trigger = run.node.task.rules.trigger
        return TriggerFailed() if is_root and trigger == triggers.any_failed else step(run, state)

    in_step(patch, "BEFORE_THE_BODY", "ask_trigger", ask)


@bug
def a_map_starts_whatever_its_trigger_says(patch):
    """The parent of a map is not asked."""
    module = sys.modules[_Parent.__module__]  # its name is that of a function, too
    patch.setattr(module, "refusal", lambda *args, **kw: None)


@bug
def a_map_is_asked_about_its_inputs_children(patch):
    """To the parent of a map a mapped input is one failure where a child of it failed."""

    def lanes(original, self, made, chain, above, *, is_flat):
        found = original(self, made, chain, above, is_flat=is_flat)
        codes = self.known.columns[made.edge.upstream].codes if made.edge else b""
        if found is not None and FAILED & {*codes}:
            return found._replace(state=Failed())
        return found

    wrapped(patch, _Parent, "_lanes", lanes)


@bug
def an_approval_is_forgotten(patch):
    """What was approved asks once more."""
    in_step(
        patch,
        "BEFORE_THE_BODY",
        "ask_trigger",
        lambda step, run, state: step(with_before(run, is_resumed=False), state),
    )


@bug
def what_is_in_a_case_asks_only_its_trigger(patch):
    """Gates are open."""
    in_step(patch, "BEFORE_THE_BODY", "ask_gates", lambda step, run, state: state)


@bug
def a_map_in_a_case_opens(patch):
    """Gates of maps are open."""
    patch.setattr(_Parent, "_closed", staticmethod(lambda gates: None))


@bug
def a_failed_case_skips_what_is_in_it(patch):
    """A skip hides that a case could not be decided."""
    wrapped(patch, steps, "closed", lambda original, *args: Skipped() if original(*args) else None)


def with_before(run, **fields):
    """Change what earlier bodies of a task run have left."""
    run.before = run.before._replace(**fields)
    return run


# ------------------------------------------------------------------------------- retries and loops


@bug
def a_retry_too_few(patch):
    """`retries=n` is n attempts."""
    wrapped(patch, RetryPolicy, "wants", lambda wants, p, n, e: n < p.retries and wants(p, n, e))


@bug
def a_retry_too_many(patch):
    """`retries=n` is n + 2 attempts."""
    wrapped(patch, RetryPolicy, "wants", lambda wants, policy, n, e: wants(policy, n - 1, e))


@bug
def a_retry_forgets_the_attempt(patch):
    """Each attempt is the first."""
    patch.setattr(needs.Needs, "_add_before", lambda self, name, strip: None)


@bug
def a_pause_costs_a_retry(patch):
    """What ended by Retry or Pause counts like a failure."""

    def put_off(step, run, state):
        made = step(run, state)
        return made if made is state and run.signal is None else keep(run, made, free=0)

    in_step(patch, "WHERE_IT_DID_NOT_RETURN", "put_off", put_off)


def keep(run, state, **fields):
    """Change what a task run leaves behind, and return its state."""
    with_before(run, **fields)
    return state


@bug
def a_loop_starts_over_after_a_retry(patch):
    """The next attempt is in the first iteration."""

    def retry(step, run, state):
        made = step(run, state)
        return keep(run, made, loops=0) if isinstance(made, Retrying) else made

    in_step(patch, "WHERE_IT_DID_NOT_RETURN", "retry", retry)


@bug
def retries_are_for_all_iterations(patch):
    """An iteration begins with the attempts of those before."""

    def loop(step, run, state):
        attempts = run.before.attempts
        made = step(run, state)
        return made if made is state else keep(run, made, attempts=attempts)

    in_step(patch, "WHERE_IT_DID_NOT_RETURN", "loop", loop)


@bug
def a_retried_iteration_has_lost_its_result(patch):
    """A retry begins as the first iteration does, in whatever iteration it is."""
    patch.setattr(Inputs, "carried", lambda self, node, position, loops: None)


@bug
def a_retry_finds_the_result_of_an_earlier_iteration(patch):
    """The block that told of the task run first is asked (so it was once)."""

    def carried(self, node, position, loops):
        told = [s for s in self.segments[node] if s.start <= position < s.stop]
        return inputs._read(told[0], position - told[0].start)

    patch.setattr(Inputs, "carried", carried)


# ------------------------------------------------------------------------------------------ values


@bug
def a_reduce_gets_only_successes(patch):
    """A list of results leaves out what failed or was skipped."""

    def below(original, self, node, index, *, is_picky=False):
        return original(self, node, index, is_picky=True)

    wrapped(patch, Inputs, "values_below", below)


@bug
def successful_passes_skips(patch):
    """`successful` passes None for what was skipped."""
    patch.setattr(inputs, "PICKED", SUCCESSFUL)


@bug
def every_child_gets_the_value_of_the_first(patch):
    """A lane takes what the first lane of its block has."""

    def value(self, node, position):
        segment, _ = self.find(node, position) or (None, 0)
        return inputs._read(segment, 0) if segment else None

    patch.setattr(Inputs, "value", value)


@bug
def what_fail_carries_is_dropped(patch):
    """A consumer gets the signal itself."""

    def pass_on(original, run, state):
        original(run, state)
        if isinstance(run.exception, Fail):
            run.value = run.exception

    wrapped(patch, steps, "_pass_on", pass_on)


@bug
def a_skip_passes_nothing_as_zero(patch):
    """A skipped upstream passes 0."""

    def body(step, run, state):
        made = step(run, state)
        run.value = 0 if isinstance(made, Skipped) else run.value
        return made

    in_step(patch, "OF_A_CALL", "call_body", body)


@bug
def a_body_is_called_twice(patch):
    """A skipped body is tried once more."""

    def body(step, run, state):
        made = step(run, state)
        return (
            step(with_before(run, attempts=run.before.attempts - 1), state)
            if isinstance(made, Skipped)
            else made
        )

    in_step(patch, "OF_A_CALL", "call_body", body)


# ------------------------------------------------------------------------------------------ widths


@bug
def the_shortest_wins(patch):
    """Maps over inputs of several lengths are as wide as the shortest."""

    def width(original, self, given):
        lengths = [one.length.elements for one in given]
        if None in lengths or len({*lengths}) == 1:
            return original(self, given)
        return Width(min(lengths), given[lengths.index(min(lengths))].parts)

    wrapped(patch, _Parent, "_width", width)


@bug
def an_empty_map_is_skipped(patch):
    """A map over nothing is no list of nothing."""

    def width(original, self, given):
        made = original(self, given)
        return Skipped() if isinstance(made, Width) and not made.width else made

    wrapped(patch, _Parent, "_width", width)


@bug
def flatten_leaves_out_what_failed(patch):
    """A failed or skipped child contributes no lane."""

    def part(original, self, chain, node, *place):
        depth, position = place
        code = self._code(node, position) if depth == len(chain) - 1 else Success.code
        is_left_out = code in FAILED or code == Skipped.code
        return Length(0) if is_left_out else original(self, chain, node, *place)

    wrapped(patch, _Parent, "_part", part)


# ------------------------------------------------------------------------------------------ the run


@bug
def the_first_reference_task_decides(patch):
    """The others may fail."""
    wrapped(patch, definitions, "_decisive", lambda decisive, graph: decisive(graph)[:1])


@bug
def retries_are_not_told(patch):
    """The history leaves them out."""

    def tell(original, self, name, index, state):
        if not isinstance(state, Retrying):
            original(self, name, index, state)

    wrapped(patch, RunRecord, "tell", tell)


@bug
def a_value_is_let_go_before_a_retry_needs_it(patch):
    """What a retry leaves behind is not held for those that share its block (so it was once)."""
    patch.setattr(Holding, "_take_over", lambda self, block, held: None)


@bug
def a_value_is_let_go_before_it_is_asked_for(patch):
    """What is still to be lowered does not count."""
    wrapped(
        patch,
        Holding,
        "_is_loose",
        lambda original, self, held: (
            held.open <= 0 and not held.consumers and not held.nodes & self._kept
        ),
    )


@bug
def a_retry_is_forgotten(patch):
    """What is due never goes on."""
    patch.setattr(RunRecord, "next_due", lambda self: None)
