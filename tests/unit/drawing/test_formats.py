"""Text, Mermaid and Graphviz, letter by letter."""

from __future__ import annotations

import pytest

from daskflow import Flow, flow, task, unmapped
from daskflow.drawing.dot import to_dot
from daskflow.drawing.mermaid import to_mermaid
from daskflow.drawing.picture import Arrow, ArrowKind, Box, Group, Picture, picture_of
from daskflow.drawing.text import to_text
from tests.unit.drawing.cases import etl, extract

PICTURE = picture_of(etl.definition(), ["month", "limit"])

TEXT = """\
etl(month, limit)

  prepare:
    prepare.days_of      = days_of(month={month})
  each_day[i]: for each day in prepare.days_of
    each_day.extract[i]  = extract(day=prepare.days_of[i])  # retries 3
    each_day.clean[i, j] = clean(rows=each_day.extract[i][j], limit={limit})
    each_day.combine[i]  = combine(a=each_day.clean[i, :], b=[each_day.extract[i], 1])
  extract[i]             = extract(day=prepare.days_of[i])  # retries 3
  flatten[i]             = flatten(x=flatten(extract[:])[i])
* combine[i]             = combine(a=flatten[i], b='x')
* alarm                  = alarm(x=each_day.combine[:])  # trigger any_failed, after prepare.days_of
* combine-2              = combine(a=each_day.combine[:], b=None)

  returns {'lines': combine[:], 'all': combine-2}

* decides how the flow ends   [i] a task run for each element   [:] all results as a list"""

MERMAID = """\
flowchart TD
    n0(["month"]):::parameter
    n1(["limit"]):::parameter
    subgraph g0["prepare"]
        n2["days_of"]:::task
    end
    subgraph g1["each_day[i]: for each day in prepare.days_of"]
        n3[["extract[i]<br/>retries 3"]]:::task
        n4[["clean[i, j]"]]:::task
        n5[["combine[i]"]]:::task
    end
    n6[["extract[i]<br/>retries 3"]]:::task
    n7[["flatten[i]"]]:::task
    n8[["combine[i]"]]:::reference
    n9["alarm<br/>trigger any_failed"]:::reference
    n10["combine-2<br/>combine"]:::reference
    n0 -->|"month"| n2
    n2 ==>|"day"| n3
    n3 ==>|"rows"| n4
    n1 -->|"limit"| n4
    n4 -->|"a: all"| n5
    n3 -->|"b"| n5
    n2 ==>|"day"| n6
    n6 ==>|"x: flattened"| n7
    n7 ==>|"a"| n8
    n5 -->|"x: all"| n9
    n2 -.-> n9
    n5 -->|"a: all"| n10
    class g0,g1 group
    classDef parameter fill:#fff4d6,stroke:#b58a1b,color:#3d2f05
    classDef task fill:#e8f1fb,stroke:#3a6ea5,color:#12304d
    classDef reference fill:#e8f1fb,stroke:#1d5c33,stroke-width:3px,color:#12304d
    classDef group fill:#f3f5f7,stroke:#9aa5b1,color:#33475b"""

DOT = """\
    n0 [label="month", style="filled,rounded", fillcolor="#fff4d6", color="#b58a1b"]
    n1 [label="limit", style="filled,rounded", fillcolor="#fff4d6", color="#b58a1b"]
    subgraph cluster_0 {
        label="prepare"
        n2 [label="days_of"]
    }
    subgraph cluster_1 {
        label="each_day[i]: for each day in prepare.days_of"
        n3 [label="extract[i]\\nretries 3", shape=box3d]
        n4 [label="clean[i, j]", shape=box3d]
        n5 [label="combine[i]", shape=box3d]
    }
    n6 [label="extract[i]\\nretries 3", shape=box3d]
    n7 [label="flatten[i]", shape=box3d]
    n8 [label="combine[i]", shape=box3d, color="#1d5c33", penwidth=2.5]
    n9 [label="alarm\\ntrigger any_failed", color="#1d5c33", penwidth=2.5]
    n10 [label="combine-2\\ncombine", color="#1d5c33", penwidth=2.5]
    n0 -> n2 [label="month"]
    n2 -> n3 [label="day", color="#33475b:#ffffff:#33475b"]
    n3 -> n4 [label="rows", color="#33475b:#ffffff:#33475b"]
    n1 -> n4 [label="limit"]
    n4 -> n5 [label="a: all"]
    n3 -> n5 [label="b"]
    n2 -> n6 [label="day", color="#33475b:#ffffff:#33475b"]
    n6 -> n7 [label="x: flattened", color="#33475b:#ffffff:#33475b"]
    n7 -> n8 [label="a", color="#33475b:#ffffff:#33475b"]
    n5 -> n9 [label="x: all"]
    n2 -> n9 [style=dashed]
    n5 -> n10 [label="a: all"]
}"""


def test_text():
    """Each call stands in one line, behind those it depends on, and sub-flows are indented."""
    assert to_text(PICTURE) == TEXT


def test_mermaid():
    """Sub-flows are subgraphs, mapped nodes have double sides, elements go along thick arrows."""
    assert to_mermaid(PICTURE) == MERMAID


def test_dot():
    """Sub-flows are clusters, mapped nodes have depth, elements go along double lines."""
    first, *lines = to_dot(PICTURE).splitlines()
    assert first == 'digraph "etl" {'
    assert "\n".join(lines[5:]) == DOT


def test_text_keeps_to_the_width():
    """What does not fit goes on below where it began; a long label shifts its own line only."""
    long = extract.named("a_name_that_is_longer_than_a_column_may_be")

    @flow
    def case(x):
        return extract([extract(x), long("some words of a sentence"), 1, 2, 3, 4])

    text = to_text(picture_of(case.definition()), width=50)
    assert (
        text
        == """\
case(x)

  extract   = extract(day={x})  # retries 3
  a_name_that_is_longer_than_a_column_may_be = extract(day='some words
                                               of a sentence')
                                               # retries 3
* extract-2 = extract(day=[extract,
              a_name_that_is_longer_than_a_column_may_be,
              1, 2, ... 6 in all])  # retries 3

  returns extract-2

* decides how the flow ends"""
    )


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda: None, "case()\n\n  no tasks"),
        (lambda x: x, "case(x)\n\n  no tasks\n\n  returns {x}"),
    ],
)
def test_a_flow_without_tasks(function, told):
    """It is drawn all the same, in every format."""
    picture = picture_of(Flow(function, name="case").definition())
    assert to_text(picture) == told
    assert to_mermaid(picture).startswith("flowchart TD\n")
    assert to_dot(picture).endswith("}")


HOSTILE = 'a"b <i>_x_</i> `c` #35; \\ |\n\x1b[2J\ud800'


def test_hostile_names_are_escaped():
    """Names of arguments and triggers may be any text: nothing of it is taken for the format's."""

    def trigger(states): ...

    @task(trigger=trigger)
    def anything(**given): ...

    trigger.__name__ = HOSTILE

    @flow
    def case(x):
        return anything(**{HOSTILE: x})

    picture = picture_of(case.definition())
    shown = r"a#34;b #60;i#62;#95;x#95;#60;/i#62; #96;c#96; #35;35#59; #92; #124;"
    shown += r"#92;n#92;x1b[2J#92;ud800"
    assert f'n0 -->|"{shown}"| n1' in to_mermaid(picture)
    assert f'n1["anything<br/>trigger {shown}"]:::reference' in to_mermaid(picture)
    shown = r"a\"b <i>_x_</i> `c` #35; \\ |\\n\\x1b[2J\\ud800"
    assert f'n0 -> n1 [label="{shown}"]' in to_dot(picture)
    assert to_text(picture, width=200).splitlines()[2] == (
        r'* anything = anything(a"b <i>_x_</i> `c` #35; \ |\n\x1b[2J\ud800={x})  '
        r'# trigger a"b <i>_x_</i> `c` #35; \ |\n\x1b[2J\ud800'
    )


@pytest.mark.parametrize("line", ["1. first", "- item", "+ item", "* item", "__init__"])
def test_mermaid_takes_no_line_for_markdown(line):
    """What would begin a list or be bold is escaped; an underscore inside of a word is not."""
    boxes = (Box("a", line, task="t"), Box("b", "b_c", task="t"))
    lines = to_mermaid(Picture("case", boxes, ())).splitlines()
    assert line[:2] not in lines[1]
    assert '"b_c<br/>t"' in lines[2]


def test_groups_in_groups_begin_and_end_where_they_should():
    """Also where one ends with another, and two of one depth follow each other."""
    names = ["a.x.one", "a.y.two", "three", "b.z.four"]
    boxes = [Box(name, name, task="t", group=f"{name.rpartition('.')[0]}/") for name in names]
    boxes[2] = Box("three", "three", task="t")
    groups = [
        Group("a/"),
        Group("a.x/", "a/"),
        Group("a.y/", "a/"),
        Group("b/"),
        Group("b.z/", "b/"),
    ]
    arrows = (Arrow("three", "b.z.four", ArrowKind.WAIT),)
    text = to_mermaid(Picture("case", tuple(boxes), arrows, tuple(groups)))
    assert [line.strip().partition('["')[0] for line in text.splitlines()[1:13]] == [
        *("subgraph g0", "subgraph g1", "n0", "end", "subgraph g2", "n1", "end", "end"),
        *("n2", "subgraph g3", "subgraph g4", "n3"),
    ]


def test_formats_are_linear():
    """A flow of some thousand tasks becomes as many lines."""

    @task
    def step(*given): ...

    @flow
    def case(x):
        return step(*[step(x) for _ in range(3000)])

    picture = picture_of(case.definition())
    assert len(to_mermaid(picture).splitlines()) == 1 + 3002 + 6000 + 4
    assert len(to_text(picture).splitlines()) < 3001 + 1400  # the last call is long


def test_a_map_of_one_constant():
    """Constants are written as in Python, and no arrow leads from them."""

    @flow
    def case():
        return extract.map([1, 2, 3], wait_for=[unmapped(extract("x"))])

    picture = picture_of(case.definition())
    assert "extract-2[i] = extract(day=[1, 2, 3][i])  # retries 3, after extract" in to_text(
        picture
    )
    assert picture.arrows == (Arrow("extract", "extract-2", ArrowKind.WAIT),)
