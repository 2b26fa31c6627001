"""The Flows pages in a scheduler's own dashboard, in a real browser, while a flow runs."""

import pytest
from distributed import LocalCluster

from daskflow import DaskExecutor, flow, get_run_logger, task, unmapped
from tests.contract.waiting import Gate


@task
def wait_for(day, gate):
    get_run_logger().info("day %s waits", day)
    gate.wait()
    if day == 2:
        raise ValueError("<b>no such day</b>")
    return day


@flow(run_name="days & nights")
def days(which, gate):
    return wait_for.map(which, unmapped(gate))


@pytest.mark.slow
def test_states_change_on_the_page_while_a_flow_runs(browse, tmp_path):
    """From the navigation of Dask's dashboard to the run, its end, and what was logged in it."""
    gate = Gate(tmp_path / "gate")
    words = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "silence_logs": "CRITICAL"}
    with LocalCluster(n_workers=1, threads_per_worker=1, **words) as cluster:
        executor = DaskExecutor(cluster=cluster)
        run = days.with_options(executor=executor, store="memory://").submit([1, 2, 3], gate)
        try:
            page = browse(f"{run.link.rpartition('/')[0]}/status")
            page.get_by_role("link", name="Flows", exact=True).click()
            page.get_by_role("link", name="days & nights").click()
            page.wait_for_url("**/flow-run?id=*")
            page.get_by_text("Running").first.wait_for()
        finally:
            gate.open()
        run.wait()
        page.get_by_text("failed (1)").wait_for()
        text = page.locator("section", has_text="failed (1)").inner_text()
        assert "wait_for[1]" in text
        assert "<b>no such day</b>" in text
        page.get_by_role("link", name="wait_for[1]").first.click()
        page.locator("section", has_text="logs").get_by_text("day 2 waits").wait_for()
