"""A run in a notebook: what is shown of it, and that no text of anybody's is markup."""

from daskflow import LocalExecutor, flow, task
from daskflow.runtime.notebooks import run_markup
from daskflow.runtime.views import NodeProgress
from daskflow.states import Running


@task
def picky(x):
    if x % 2:
        raise ValueError(f"<script>{x}</script>")
    return x


@flow(executor=LocalExecutor(), run_name="<i>night</i>")
def picked(xs):
    return picky.map(xs)


def test_it_tells_state_progress_and_what_failed_first():
    """Of many failures the first five; every text is escaped."""
    shown = picked.run(list(range(14)))._repr_html_()
    assert "<b>picked / &lt;i&gt;night&lt;/i&gt;</b>: Failed" in shown
    assert '<progress max="14" value="14"></progress> 14 of 14' in shown
    assert "7 Success, 7 Failed" in shown or "7 Failed, 7 Success" in shown
    assert shown.count("<li>") == 6
    assert "&lt;script&gt;1&lt;/script&gt;" in shown
    assert "<script>" not in shown


def test_it_tells_what_is_not_known_yet_and_where_the_page_is():
    """A mapped task whose width nobody knows; a link that cannot be left."""
    told = [NodeProgress("clean", None, {"Pending": 2, "Success": 1})]
    shown = run_markup("etl", Running(), 'http://host/flow-run?id=1&"x', told, [])
    assert '<a href="http://host/flow-run?id=1&amp;&quot;x" target="_blank">live</a>' in shown
    assert "<td>1 of ?</td>" in shown
