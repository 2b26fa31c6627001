"""Calls in a flow: names of nodes, nodes inside arguments, what is waited for, what is returned."""

import pytest

from daskflow import DefinitionError, LocalExecutor, all_finished, context, flow, task
from tests.semantics.bodies import collect, ident, inc, kinds, ok, short

NESTED = {"a": [1, (5, {"b": 3})], "k": {1, 5}, "f": frozenset({3}), 1: "key", "p": "param"}


def test_nodes_inside_lists_tuples_sets_and_dicts(play, do):
    """A node anywhere in a plain container is replaced by its value, as a key too."""

    def case(p):
        one, three, five = do.ok(), do.inc(2), do.ident(5)
        return do.collect(
            {
                "a": [one, (five, {"b": three})],
                "k": {one, five},
                "f": frozenset({three}),
                one: "key",
                "p": p,
            }
        )

    run = play(case, "param")
    assert run.result() == NESTED
    assert set(kinds(run).values()) == {"S"}


def test_a_node_inside_a_list_is_an_upstream(play, do):
    """A failure deep inside an argument stops the task as any other does."""

    def case():
        return do.collect([1, {"deep": (do.boom(),)}])

    assert kinds(play(case)) == {"boom": "F", "collect": "TF"}


def test_arguments_by_position_and_by_name(play, do, ledger):
    """Defaults, keywords, *args and **kwargs of a task are the function's own."""
    taking = ledger.task(take)

    def case():
        a, b = do.ok(), do.inc(1)
        return taking(a), taking(b, y=a), taking(a, b, a, b, z=b, more=[a])

    assert play(case).result() == (
        (1, 10, (), 20, {}),
        (2, 1, (), 20, {}),
        (1, 2, (1, 2), 2, {"more": [1]}),
    )


def take(x, y=10, *rest, z=20, **named):
    return x, y, rest, z, named


def test_a_call_that_does_not_fit_is_refused_while_tracing():
    """Too many or too few arguments are seen before anything runs, naming the task."""
    with pytest.raises(DefinitionError, match=r"inc\(x\): missing a required argument: 'x'"):
        flow(lambda: [task(inc)()]).graph()
    with pytest.raises(DefinitionError, match=r"inc\(x\): .*unexpected keyword argument 'y'"):
        flow(lambda: task(inc)(1, y=2)).graph()


@pytest.mark.parametrize("builtin", [int, dict, max, print], ids=lambda b: b.__name__)
def test_a_builtin_is_a_task(builtin):
    """A task is made of any function, one that Python cannot tell the signature of as well."""
    made = flow(lambda: task(builtin)([(3, 4)]) if builtin is not int else task(int)("3"))
    run = made.with_options(executor=LocalExecutor()).run()
    assert run.result() == {int: 3, dict: {3: 4}, max: (3, 4), print: None}[builtin]


def test_one_task_called_several_times(play, do):
    """Each call makes a node: the task's name, then -2, -3; .named gives one a name."""

    def case():
        do.inc(do.inc.named("raw")(do.inc(0)))
        do.ok.named("inc-3")()
        return do.inc(10)

    run = play(case)
    assert list(kinds(run)) == ["inc", "raw", "inc-2", "inc-3", "inc-4"]
    assert [run[name].result() for name in kinds(run)] == [1, 2, 3, 1, 11]
    assert run[do.ok].result() == 1
    with pytest.raises(KeyError, match="inc has several nodes, name one: inc, raw, inc-2, inc-4"):
        run[do.inc]
    with pytest.raises(KeyError, match="has no node 'ink'; its nodes: inc, raw"):
        run["ink"]


def test_two_nodes_of_one_name_are_refused():
    """A name given by hand is not numbered: twice the same is an error."""

    def case():
        task(ok).named("one")()
        task(ok).named("one")()

    with pytest.raises(DefinitionError, match=r"two nodes named 'one'"):
        flow(case).graph()


def test_a_task_with_options_is_still_that_task(play, do):
    """with_options leaves the function and the name, and run[task] finds it."""

    def case():
        do.boom.with_options(retries=1)()

    run = play(case)
    assert run[do.boom].attempt == 2


def tell_context(x):
    return (context.task_name, context.node, context.map_index, context.attempt, context.flow_name)


def test_a_task_can_read_where_it_is(play, ledger):
    """The context has the names and numbers of the task run; outside of one it says so."""
    telling = ledger.task(tell_context, name="tell")

    def case():
        return telling.named("first")(0), telling.map([0, 0])

    first, children = play(case).result()
    assert first == ("tell", "first", (), 1, "case")
    assert children == [("tell", "tell", (i,), 1, "case") for i in range(2)]
    assert context.get() is None
    with pytest.raises(RuntimeError, match="only while a task runs"):
        context.attempt  # noqa: B018 - reading it is the test


def test_waiting_for_others(play, do):
    """wait_for takes nodes, and lists of them; none of their values is passed."""

    def case():
        first, second = do.ok(), do.inc.map([1, 2])
        do.ident(0, wait_for=[first])
        do.ident(0, wait_for=[[first, second], first])
        do.ident(0, wait_for=(do.boom(), first))

    run = play(case)
    assert [kinds(run)[f"ident{n}"] for n in ("", "-2", "-3")] == ["S", "S", "TF"]
    assert run["ident"].started >= run["ok"].ended
    assert run["ident-2"].started >= max(child.ended for child in run["inc"])


@pytest.mark.parametrize(
    ("waited", "told"),
    [
        (None, "wait_for takes a list of what tasks returned"),
        ("ok", "wait_for takes a list of what tasks returned"),
        ([5], "wait_for takes what tasks returned, not 5"),
    ],
    ids=["None", "str", "constant"],
)
def test_waiting_for_nothing_that_runs(waited, told):
    """What is no task's result cannot be waited for."""
    with pytest.raises(DefinitionError, match=told):
        flow(lambda: task(ident)(0, wait_for=waited)).graph()


def test_a_node_is_no_list_to_wait_for():
    """wait_for=node instead of wait_for=[node] is told how to write it."""
    with pytest.raises(DefinitionError, match="wait_for takes a list"):
        flow(lambda: task(ident)(0, wait_for=task(ok)())).graph()


def test_a_flow_inside_a_flow(play, do):
    """It becomes a part, its nodes under its name, and what it returns goes on."""

    @flow
    def part(x):
        return do.inc(do.inc(x))

    def case():
        return part(do.ok()), part(10), do.total([1])

    run = play(case)
    assert run.result() == (3, 12, 1)
    assert list(kinds(run)) == [
        "ok",
        "part.inc",
        "part.inc-2",
        "part-2.inc",
        "part-2.inc-2",
        "total",
    ]


def test_a_flow_cannot_be_run_inside_a_flow():
    """A run inside a flow is refused with the cure."""
    inner = flow(ok, executor=LocalExecutor())
    with pytest.raises(DefinitionError, match=r"ok.run\(\) inside a flow: just call ok"):
        flow(lambda: [inner.run()], name="outer").graph()


def test_a_task_outside_a_flow_is_its_function(do):
    """No state, no retries, the exception as it is; wait_for is ignored."""
    assert task(inc, retries=3)(1) == 2
    assert task(ident)(1, wait_for=[2]) == 1
    with pytest.raises(TypeError):
        task(inc, retries=3)("a")


def test_a_node_of_another_flow_is_refused():
    """What one flow's task returned cannot be an argument in another."""
    kept = []
    flow(lambda: kept.append(task(ok)()), name="one").graph()
    with pytest.raises(DefinitionError, match="belongs to another flow"):
        flow(lambda: task(ident)(kept[0]), name="two").graph()


def test_what_a_flow_may_return(play, do):
    """Nested values with nodes inside, a map, a parameter, a constant, nothing."""

    def nested(p, q=2):
        one = do.ok()
        return {"x": [one, (one, p)], one: do.inc.map([q, 1])}, {do.ident(4)}, p, 5, None

    def parameter(p):
        do.ok()
        return p

    def constant():
        return [do.ok.name, 3]

    def nothing():
        do.ok()

    assert play(nested, "p").result() == ({"x": [1, (1, "p")], 1: [3, 2]}, {4}, "p", 5, None)
    assert play(parameter, [1, 2]).result() == [1, 2]
    assert play(constant).result() == ["ok", 3]
    assert play(nothing).result() is None


def test_what_a_flow_returns_of_what_did_not_succeed(play, do):
    """In a flow that succeeded a skipped value is None, and a failed one its exception."""

    def case():
        failed = do.boom()
        do.ident.with_options(trigger=all_finished)(0, wait_for=[failed])
        return [do.skip(), failed, do.fail2.map([1, 2])]

    run = play(case, reference_tasks=["ident", "skip"])
    assert short(run.state) == "S"
    skipped, failed, children = run.result()
    assert skipped is None
    assert repr(failed) == "ValueError('no')"
    assert (children[0], repr(children[1])) == (1, "ValueError('two')")


def test_an_empty_flow(play):
    """A flow without tasks succeeds at once and returns what it returns."""

    def case(p=3):
        return p

    run = play(case)
    assert short(run.state) == "S"
    assert run.result() == 3
    assert list(run.task_runs) == []
    assert kinds(run) == {}


def test_reference_tasks(play, do):
    """They are given by name; a mapped one is judged by its children; all must be fine."""

    def case():
        bad = do.fail2.map([1, 2])
        return do.ident.with_options(trigger=all_finished)(0, wait_for=[bad, do.skip()])

    assert short(play(case).state) == "S"
    for names, kind in [
        (["fail2"], "F"),
        ("ident", "S"),
        (["skip"], "S"),
        (["ident", "fail2"], "F"),
    ]:
        assert short(play(case, reference_tasks=names).state) == kind
    run = play(case, reference_tasks=["fail2"])
    assert run.state.message == "1 of 2 reference task runs failed: fail2[1]"


@pytest.mark.parametrize("names", [[], ["ok", "ko"]], ids=["none", "unknown"])
def test_reference_tasks_must_exist(names):
    """A name that is no node is refused before anything runs, and so is an empty list."""
    made = flow(lambda: [task(ok)()], executor=LocalExecutor(), reference_tasks=names)
    with pytest.raises(DefinitionError, match=r"reference_tasks= names .*; its nodes are ok"):
        made.run()


def test_one_flow_run_twice(play, do):
    """A traced flow can be run again with other parameters; the runs share nothing."""

    def case(x):
        return do.inc.map(do.collect(x))

    first, second = play(case, [1]), play(case, [4, 5])
    assert (first.result(), second.result()) == ([2], [5, 6])
    assert first.id != second.id


def test_a_value_used_by_many(play, do):
    """One node feeds several tasks, twice the same one too, and runs once."""

    def case():
        a = do.inc.map([1, 2, 3])
        return do.add.map(a, a), do.add(do.total(a), do.total(a)), do.collect([a, a])

    assert play(case).result() == ([4, 6, 8], 18, [[2, 3, 4], [2, 3, 4]])


def test_a_long_chain_and_a_wide_tree(play, do):
    """Order is kept over many nodes, joined in every way."""

    def case():
        level = [do.inc(i) for i in range(8)]
        while len(level) > 1:
            level = [do.add(a, b) for a, b in zip(level[::2], level[1::2], strict=True)]
        end = level[0]
        for _ in range(20):
            end = do.inc(end)
        return end

    assert play(case).result() == sum(range(1, 9)) + 20


def test_options_of_a_flow_that_make_no_sense():
    """Options are checked where they are written."""
    for options, told in [
        ({"block_size": 0}, "block_size=0 must be a whole number from 1, or None"),
        ({"blocks": 3}, "no option is called blocks="),
        ({"name": "a b"}, "'a b' cannot name a flow"),
    ]:
        with pytest.raises(DefinitionError, match=told):
            flow(**options)(collect)
