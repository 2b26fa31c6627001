"""What the section on mapping says beyond `test_mapping`: sentences that nothing else proves."""

import os
from collections import Counter

import pytest

from daskflow import (
    DaskExecutor,
    DefinitionError,
    Fail,
    all_finished,
    any_failed,
    context,
    flow,
    some_failed,
    successful,
    task,
    unmapped,
)
from daskflow.states import Mapped
from tests.semantics.bodies import ident, kinds, short


class Rows:
    """Has a length and elements by position; a slice of it is nonsense, and so is iteration."""

    def __init__(self, count, width=0):
        self.count = count
        self.width = width

    def __len__(self):
        return self.count

    def __iter__(self):
        raise TypeError("rows are not iterated over")

    def __getitem__(self, position):
        return f"row {position}".ljust(self.width)


class Torn(Rows):
    """Tells its length, and has no elements."""

    def __getitem__(self, position):
        raise OSError("the file is gone")


class Unlucky(Rows):
    """Cannot tell how long it is."""

    def __len__(self):
        raise OSError("the file is gone")


def test_classes_of_the_users_can_be_mapped_over(play, do):
    """A length and elements by position are enough: small or large, given in any way."""

    def case(small, large):
        few, many = Rows(2), Rows(2, 1 << 20)
        return (
            do.ident.map(few),
            do.ident.map(many),
            do.ident.map(small),
            do.ident.map(large),
            do.ident.map(do.ident.named("few")(few)),
            do.ident.map(do.ident.named("many")(many)),
        )

    run = play(case, Rows(2), Rows(2, 1 << 20))
    assert [[x.strip() for x in found] for found in run.result()] == [["row 0", "row 1"]] * 6


def test_classes_of_the_users_that_raise(play, do):
    """What cannot tell its length cannot be mapped over; what has no elements crashes its lanes."""

    @flow
    def part(x):
        return do.ident.map(x)

    def case(unlucky, torn):
        do.ident.named("parameter").map(unlucky)
        do.ident.named("result").map(do.ident(unlucky))
        do.ident.named("torn").map(torn)
        part.map(torn)

    run = play(case, Unlucky(2), Torn(2))
    found = kinds(run)
    for node in ("parameter", "result"):
        assert found[node] == "F"
        told = r"this Unlucky: its length cannot be told \(OSError\('the file is gone'\)\)"
        with pytest.raises(DefinitionError, match=told):
            run[node].result()
    assert (found["torn"], found["part.ident"]) == ("M[CR,CR]", "M[F,F]")
    assert "the file is gone" in run["torn"][0].state.message
    assert run["part.ident"][0].state.message == "part.ident[0], argument 'x': the file is gone"
    with pytest.raises(DefinitionError, match="its length cannot be told"):
        flow(lambda: task(ident).map(Unlucky(2))).graph()


def test_a_generator_cannot_be_mapped_over(play, do, ledger):
    """As a result it crashes its own task, as it cannot travel; as a parameter nothing runs."""

    def count(n):
        yield from range(n)

    def case():
        return do.inc.map(ledger.task(count)(3))

    def case_of(xs):
        return do.inc.map(xs)

    run = play(case)
    assert kinds(run) == {"count": "CR", "inc": "TF"}
    assert run["count"].state.message.startswith("task 'count' returned a generator that cannot")
    assert run["count"].state.message.endswith("; make it a list")
    before = ledger.lines()
    with pytest.raises(DefinitionError, match=r"'xs' cannot be sent to workers: .*generator"):
        play(case_of, (n for n in range(3)))
    assert ledger.lines() == before


def test_all_lengths_are_named(play, do, ledger):
    """Three arguments and what is waited for lane by lane must agree; none of them runs alone."""

    def sums(x, y, z):
        return x + y + z

    def case():
        sums_of = ledger.task(sums)
        late = do.rng(2)
        sums_of.named("early").map([1, 2], (1, 2, 3), range(2))
        sums_of.named("late").map(late, [1, 2], z=[1])
        sums_of.named("waiting").map([1], late, [2], wait_for=[do.ident.map(late)])
        return sums_of.named("whole").map(late, [1, 2], unmapped(10))

    run = play(case)
    for node, told in [
        ("early", r"early.map: its mapped arguments (x, y, z) have lengths 2 and 3 and 2"),
        ("late", r"late.map: its mapped arguments (x, y, z) have lengths 2 and 2 and 1"),
        ("waiting", r"(x, y, z, wait_for ident) have lengths 1 and 2 and 1 and 2"),
    ]:
        assert short(run[node].state) == "F"
        assert told in run[node].state.message
    assert run["whole"].result() == [11, 13]


def test_children_ask_what_they_get_whole(play, do):
    """The parent has its width without it; each child's trigger and skip rule see it."""

    def case():
        failed, skipped = do.boom(), do.skip()
        do.collect.named("failed").map([[1], [2]], wait_for=[unmapped(failed)])
        do.add.named("argument").map([1, 2], unmapped(failed))
        do.add.named("skipped").map([1, 2], unmapped(skipped))
        anyway = do.ident.with_options(trigger=any_failed)
        anyway.named("anyway").map([1, 2], wait_for=[unmapped(failed), unmapped(skipped)])
        do.ident.named("nobody").map([], wait_for=[unmapped(failed)])
        return do.add.named("list").map([[1], [2]], unmapped([3, 4]))

    run = play(case)
    found = kinds(run)
    assert found["failed"] == found["argument"] == "M[TF,TF]"
    assert found["skipped"] == "M[SK,SK]"
    assert found["anyway"] == "M[S,S]"
    assert found["nobody"] == "M[]"
    assert run["list"].result() == [[1, 3, 4], [2, 3, 4]]


def test_a_mapped_task_is_a_success_and_its_children_decide(play, do):
    """Its own state is Mapped and successful, whatever they became; the flow is judged by them."""

    def case():
        return do.fail2.map([2, 2])

    run = play(case)
    state = run["fail2"].state
    assert type(state) is Mapped
    assert state.is_successful()
    assert [short(child) for child in state.children] == ["F", "F"]
    assert short(run.state) == "F"
    assert run.state.message == "2 of 2 reference task runs failed: fail2[0], fail2[1]"


def test_a_reduce_sees_all_children(play, do):
    """Its trigger counts each; an edge is skipped with all its children only, and one is enough."""

    def case():
        failing, skipping = do.fail2.map([2, 1, 2]), do.skip2.map([2, 2])
        two, three = some_failed(at_least=2), some_failed(at_least=3)
        do.collect.with_options(trigger=two).named("two")(failing)
        do.collect.with_options(trigger=three).named("three")(failing)
        do.collect.named("both")([skipping, do.inc.map([1])])
        do.collect.named("mixed")([do.skip2.named("half").map([2, 1]), do.inc.map([1])])
        do.collect.named("outranked").with_options(trigger=any_failed)([skipping, failing])

    run = play(case)
    found = kinds(run)
    assert {found[n] for n in ("two", "mixed", "outranked")} == {"S"}
    assert (found["three"], found["both"]) == ("TF", "SK")
    assert repr(run["two"].result()) == "[ValueError('two'), 1, ValueError('two')]"
    assert run["mixed"].result() == [[None, 1], [2]]
    skipped, failed = run["outranked"].result()
    assert (skipped, failed[1]) == ([None, None], 1)


def fail_with(x):
    if x != 2:
        raise Fail(f"{x} is not 2", result=10 * x)
    return x


def test_a_child_that_fails_with_a_result_passes_it_on(play, do, ledger):
    """In its lane and in the list of a reduce, where a trigger lets it through."""

    def case():
        lanes = ledger.task(fail_with).map([1, 2])
        anyway = do.collect.with_options(trigger=all_finished)
        return anyway(lanes), anyway.map(lanes), anyway(successful(lanes))

    run = play(case)
    assert run.result() == ([10, 2], [10, 2], [2])


def test_successful_of_a_map_without_children(play, do):
    """Of a mapped task that failed or was skipped as a whole there is nothing to pass on: []."""

    def case():
        lost, skipped = do.inc.map(do.boom()), do.inc.map(do.skip())
        anyway = do.collect.with_options(trigger=all_finished, skip_on_upstream_skip=False)
        return (
            anyway([successful(lost), successful(skipped)]),
            successful(lost),
            successful(do.fail2.map([1, 2])),
        )

    run = play(case, reference_tasks=["collect"])
    assert run.result() == ([[], []], [], [1])


class Counted:
    """Writes down in which process it is unpickled."""

    def __init__(self, ledger, label, size=0):
        self.ledger = ledger
        self.label = label
        self.payload = "x" * size

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.ledger.note(f"{self.label} {os.getpid()}")


def test_what_is_unmapped_is_sent_once_to_each_worker(executor, block_size, tmp_path, ledger):
    """However many children and retries there are, each process unpickles it once at most."""
    sent = type(ledger)(tmp_path / "sent")

    def give(label, size):
        return Counted(sent, label, size)

    def look(i, *whole):
        if i == 2 and context.attempt == 1:
            raise ValueError("once")
        return len(whole)

    giving, looking = task(give), task(look, retries=1)

    @flow
    def part(x, whole):
        looking(x, whole)
        return looking(x, whole)

    def case(small, large):
        labels = [f"child {i}" for i in range(3)]
        looking.map(
            list(range(8)),
            unmapped(small),
            unmapped(large),
            unmapped(Counted(sent, "constant")),
            unmapped(giving("result", 0)),
            unmapped(giving("large result", 1 << 21)),
            unmapped(giving.map(labels, unmapped(1 << 17))),
        )
        part.map(list(range(6)), unmapped(Counted(sent, "large constant", 1 << 20)))

    made = flow(case, executor=executor, block_size=block_size)
    run = made.run(Counted(sent, "parameter"), Counted(sent, "large parameter", 1 << 20))
    assert short(run.state) == "S"
    assert run["look"].result() == [6] * 8
    times = Counter(sent.lines())
    assert set(times.values()) <= {1}
    labels = {line.rpartition(" ")[0] for line in times}
    if isinstance(executor, DaskExecutor):
        assert labels >= {"parameter", "large parameter", "constant", "large constant"}
        assert not [line for line in times if line.endswith(f" {os.getpid()}")]
    else:
        assert labels == {"large parameter", "large constant"}  # as on a cluster: a graph node
