"""Tags for the tasks that are called inside of a `with`, or for the runs that are started there."""

import pytest

from daskflow import DefinitionError, Flow, context, flow, tags, task


def seen(x=None):
    return sorted(context.tags)


def test_tags_go_to_the_tasks_called_inside(play, do):
    """On top of their own, nested, in flows that are called there, mapped and by hand too."""
    look = task(seen, tags=["own"])
    with Flow("hand") as hand:
        hand.set_returned(look())

    @flow
    def part(x):
        with tags("deep"):
            return look(x)

    def work():
        plain = look()
        with tags("a", "b"):
            every = [look(), part(1), look.map([1]), part.map([1]), hand()]
            with tags("c"):
                inner = look()
        return [plain, *every, inner]

    ab = ["a", "b", "own"]
    deep = ["a", "b", "deep", "own"]
    assert play(work).result() == [["own"], ab, deep, [ab], [deep], ab, ["a", "b", "c", "own"]]


def test_tags_around_a_run_go_to_that_run(executor):
    """To this one, not to those that come later, though the flow is traced meanwhile."""

    @flow(executor=executor, tags=["kept"])
    def work():
        with tags("task"):
            return task(seen)()

    with tags("nightly"), tags("slow"):
        run = work.run()
        assert run.result() == ["kept", "nightly", "slow", "task"]
    assert work() == ["kept", "task"]


def test_a_tag_is_a_string():
    """A list of tags is refused, with the cure."""
    with pytest.raises(DefinitionError, match=r"tags\(\['a'\]\): a tag is a string; .*'a', 'b'"):
        tags(["a"]).__enter__()
