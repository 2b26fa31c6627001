"""The Flows page in the scheduler's dashboard: where it is, and what drivers tell it."""

from urllib.request import urlopen

from daskflow import DaskExecutor, flow, task
from tests.contract.waiting import eventually


@task
def inc(x):
    return x + 1


@flow
def incs(xs):
    return inc.map(xs)


def read(address):
    with urlopen(address) as answer:
        return answer.read().decode()


def test_the_dashboard_leads_to_the_page_of_a_run(near_cluster):
    """An entry in the navigation of Dask's own pages; a run's link opens its page."""
    executor = DaskExecutor(cluster=near_cluster)
    run = incs.with_options(executor=executor, store="memory://").run([1, 2])
    assert run.id in run.link
    assert "Flows" in read(run.link)
    home = run.link.rpartition("/")[0]
    assert '<a href="flows">Flows</a>' in read(f"{home}/status")
    pages = near_cluster.scheduler.plugins["daskflow-1"].pages

    def row():
        """The driver has told the end."""
        (found,) = [row for row in pages.runs.runs() if row.id == run.id]
        return found if found.state.is_finished() else None

    told = eventually(row)
    assert (told.name, told.flow_name, str(told.state)) == (run.name, "incs", "Success")
    assert pages.runs.progress(run.id) == ({"Success": 2}, True)
