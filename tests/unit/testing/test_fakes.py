"""Fakes stand in for the functions of tasks, and for nothing else of them."""

import pytest

from daskflow import DefinitionError, Flow, LocalExecutor, Static, Task, flow, task
from daskflow.testing import OK, FaultPlan, with_fakes

HERE = LocalExecutor()


@task(retries=1)
def fetch(url: str) -> str:
    raise OSError(f"no network for {url}")


@flow
def part(url):
    return fetch.named("again")(url)


@flow(executor=HERE)
def lengths(urls):
    return task(len)(fetch(urls[0])), fetch.with_options(retries=0).map(urls), part(urls[1])


URLS = ["a.org", "bb.org"]


def test_every_node_of_a_task_is_faked():
    """Unmapped, mapped, under other options, in a part; and the flow is itself again afterwards."""
    lengths.graph()
    with with_fakes({fetch: lambda url: f"fake {url}"}):
        run = lengths.run(URLS)
        assert run.result() == (10, ["fake a.org", "fake bb.org"], "fake bb.org")
        assert run["fetch-2"][1].attempt == 1
        assert run["fetch"].name == "fetch"
    run = lengths.run(URLS)
    assert run.state.is_failed()
    assert run["fetch"].attempt == 2
    assert lengths.graph().nodes["fetch"].task.fn is fetch.fn


def test_rules_stay_what_they_are():
    """A fake that fails is retried as the task says, and is found by the task."""
    tried = []

    def fake(url):
        tried.append(url)
        raise KeyError(url)

    @flow(executor=HERE)
    def once():
        return fetch("a.org")

    with with_fakes({fetch: fake}):
        run = once.run()
    assert tried == ["a.org", "a.org"]
    assert run[fetch].attempt == 2


def test_by_name():
    """Of a task: all of its nodes; of a node: that one."""
    with with_fakes({"fetch": lambda url: url}):
        assert lengths.run(URLS).state.is_successful()
    with with_fakes({"part.again": lambda url: url}):
        run = lengths.run(URLS)
    assert run["part.again"].result() == "bb.org"
    assert run["fetch"].state.is_failed()


def test_several_and_within_each_other():
    """Fakes add up; the inner one is the last to speak."""
    with with_fakes({fetch: lambda url: "outer", "len": lambda text: 99}):
        with with_fakes({fetch: lambda url: "inner"}):
            assert lengths.run(URLS).result() == (99, ["inner", "inner"], "inner")
        assert lengths.run(URLS).result()[2] == "outer"


def test_a_task_may_be_the_fake():
    """Its function is what is called."""
    with with_fakes({fetch: task(str.upper)}):
        assert lengths.run(URLS).result()[2] == "BB.ORG"


def test_a_task_that_is_a_class():
    """What it does is replaced, whatever it was made with."""

    class Scale(Task):
        def __init__(self, factor, **options):
            super().__init__(**options)
            self.factor = factor

        def run(self, x):
            return self.factor * x

    double = Scale(2)

    @flow(executor=HERE)
    def scaled():
        return double(4), Scale(3)(4)

    assert scaled() == (8, 12)
    with with_fakes({double: lambda x: -x}):
        assert scaled() == (-4, 12)


def test_flows_by_hand_and_static_ones():
    """However a graph came into being, and each of those that a flow has."""
    with Flow("by-hand", executor=HERE) as by_hand:
        by_hand.set_returned(fetch("a.org"))

    @flow(executor=HERE)
    def repeated(times: Static[int]):
        return [fetch(str(time)) for time in range(times)]

    assert repeated.run(1).state.is_failed()
    with with_fakes({fetch: lambda url: f"<{url}>"}):
        assert by_hand() == "<a.org>"
        assert repeated(1) == ["<0>"]
        assert repeated(2) == ["<0>", "<1>"]


def test_a_fake_that_does_not_fit_is_refused():
    """At once, naming the task."""
    for fake in (lambda: "", lambda url, more: "", lambda address: ""):

        @flow(executor=HERE)
        def named(url):
            return fetch(url=url)

        told = "the fake of task 'fetch' cannot be called as that is"
        with pytest.raises(DefinitionError, match=told), with_fakes({fetch: fake}):
            named.run("a.org")


def test_a_fake_that_nobody_needed_is_told():
    """A test that fakes what is not there does not test what it says."""
    told = "with_fakes names fetch, nobody, but no flow that ran"
    with pytest.raises(DefinitionError, match=told), with_fakes({fetch: str, "nobody": str}):
        pass
    with pytest.raises(KeyError), with_fakes({fetch: str}):
        raise KeyError


def test_a_fault_plan_is_a_fake(tmp_path):
    """Mapped, with retries: each input goes by its own list."""
    plan = FaultPlan(tmp_path / "calls", {"a": [OSError("1"), "fake"], "b": [OK]})

    @flow(executor=HERE)
    def both():
        return fetch.map(["a", "b"])

    with with_fakes({fetch: plan.around(fetch)}):
        run = both.run()
    assert run["fetch"][0].result() == "fake"
    assert run["fetch"][1].state.is_failed()
    assert (plan.calls("a"), plan.calls("b"), plan.calls()) == (2, 2, 4)
