"""Flows and pictures that the tests of drawings share."""

from __future__ import annotations

import random
from itertools import pairwise

from daskflow import any_failed, flatten, flow, task, unmapped
from daskflow.drawing.grouping import groups_of, home_of
from daskflow.drawing.picture import Arrow, ArrowKind, Box, Group, Picture, arranged


@task
def days_of(month):
    return [month]


@task(retries=3)
def extract(day):
    return [day]


@task
def clean(rows, limit):
    return rows


@task(trigger=any_failed)
def alarm(x): ...


@task
def combine(a, b): ...


@flow
def each_day(day, limit):
    raw = extract(day)
    return combine(clean.map(raw, limit=unmapped(limit)), [raw, 1])


@flow
def prepare(month):
    return days_of(month)


@flow
def etl(month, limit=3):
    """A sub-flow, a mapped one, a map inside of it, a flattened map, and a task that waits."""
    days = prepare(month)
    out = each_day.map(days, limit=unmapped(limit))
    lines = combine.map(flatten(extract.map(days)), unmapped("x"))
    alarm(out, wait_for=[days])
    return {"lines": lines, "all": combine(out, None)}


def random_picture(seed: int, boxes: int = 60) -> Picture:
    """Return a picture with groups in groups, in the order in which flows are traced."""
    draw = random.Random(seed)
    groups = ["", "a.", "a.x.", "a.y.", "", "b.", "b.x.", "c.d.e.", ""]
    names = [f"{group}n{number}" for number, group in enumerate(sorted_by(draw, groups, boxes))]
    arrows = [
        Arrow(start, end, draw.choice(list(ArrowKind)), ("x",))
        for number, end in enumerate(names)
        for start in draw.sample(names[:number], min(number, draw.choice([0, 1, 1, 2, 3])))
    ]
    found = (Box(name, name, task="t", group=home_of(name)) for name in names)
    around = (Group(key, parent) for key, parent in groups_of(names).items())
    return arranged(Picture("random", tuple(found), tuple(arrows), tuple(around)))


def sorted_by(draw: random.Random, groups: list[str], count: int) -> list[str]:
    """Return as many of the groups, drawn at random, in the order given."""
    return [groups[place] for place in sorted(draw.choices(range(len(groups)), k=count))]


def wide_picture(boxes: int) -> Picture:
    """Return rows of twenty boxes that lead to boxes of the next row, and one that leads to all."""
    draw = random.Random(boxes)
    names = [f"n{number}" for number in range(boxes)]
    arrows = [
        Arrow(name, other)
        for number, name in enumerate(names[:-20])
        for other in draw.sample(names[number - number % 20 + 20 :][:20], 2)
    ]
    arrows += [Arrow("all", name) for name in names]
    return Picture("wide", tuple(Box(name, name) for name in ["all", *names]), tuple(arrows))


def reduced_chain(boxes: int) -> Picture:
    """Return a chain of boxes and one that gets the values of all: nearly all lines are long."""
    names = [f"n{number}" for number in range(boxes)]
    arrows = [Arrow(*pair) for pair in pairwise(names)] + [Arrow(name, "end") for name in names]
    return Picture("chain", tuple(Box(name, "x") for name in [*names, "end"]), tuple(arrows))
