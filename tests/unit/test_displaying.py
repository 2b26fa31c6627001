"""A run in a notebook's cell: shown, and again whenever it looks different, until it is over."""

import threading

from daskflow import LocalExecutor, flow, task
from daskflow.displaying import show_in
from tests.contract.waiting import Gate


class Cell:
    """Stands in for what IPython shows: keeps all that was to be seen."""

    def __init__(self):
        self.seen = []
        self.is_changed = threading.Event()

    def show(self, bundle, *, raw, display_id):
        assert raw
        self.seen.append(bundle["text/html"])
        return self if display_id else None

    def update(self, bundle, *, raw):
        assert raw
        self.seen.append(bundle["text/html"])
        self.is_changed.set()


@task
def hold(gate):
    gate.wait()


@flow(executor=LocalExecutor(), run_name="night")
def held(gate):
    return hold(gate)


def test_a_cell_follows_a_run_to_its_end(tmp_path):
    """The last that is to be seen is how it ended; nothing is shown twice."""
    gate, cell = Gate(tmp_path / "gate"), Cell()
    run = held.submit(gate)
    thread = show_in(cell.show, run, is_live=True)
    gate.open()
    thread.join(20)
    assert not thread.is_alive()
    assert "<b>held / night</b>: Success" in cell.seen[-1]
    assert len(set(cell.seen)) == len(cell.seen)


def test_it_follows_while_the_run_goes_on():
    """Not only when the run is over."""
    gate, cell = threading.Event(), Cell()

    class Run:
        looks = 0

        def wait(self, timeout=None):
            if not gate.wait(0):
                raise TimeoutError

        def _repr_html_(self):
            self.looks += 1
            return f"look {min(3, self.looks)}"

    thread = show_in(cell.show, Run(), is_live=True)
    assert cell.is_changed.wait(20)
    gate.set()
    thread.join(20)
    assert cell.seen == ["look 1", "look 2", "look 3"]


def test_where_nothing_can_be_changed_it_is_shown_once(tmp_path):
    """In a terminal there is no thread for it either."""
    gate, cell = Gate(tmp_path / "gate"), Cell()
    gate.open()
    assert show_in(cell.show, held.run(gate), is_live=False) is None
    assert len(cell.seen) == 1
