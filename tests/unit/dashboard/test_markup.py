"""Markup that text cannot get out of."""

import html
from html.parser import HTMLParser

import pytest

from daskflow.dashboard.markup import Html, address, element, join

HOSTILE = [
    "<script>alert(1)</script>",
    "</td></tr></table><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    '" style="position:fixed" x="',
    "<a href='javascript:alert(1)'>x</a>",
    "&lt;b&gt;",
    "&amp;amp;",
    "&#60;script&#62;",
    "<!-- ",
    "-->",
    "<![CDATA[x]]>",
    "<?php echo 1 ?>",
    "</script><script>alert(1)</script>",
    "</style><style>*{display:none}</style>",
    "</textarea><b>",
    "</title><b>",
    "<iframe src=//evil>",
    "<base href=//evil>",
    "<meta http-equiv=refresh content=0>",
    "<link rel=stylesheet href=//evil>",
    "<form><button>x</button></form>",
    "<math><mi>x</mi></math>",
    "$$\\frac{1}{2}$$",
    "\\(x\\)",
    "{{ 7 * 7 }}",
    "{% for x in y %}",
    "<%= 7 * 7 %>",
    "<%- x %>",
    "${7 * 7}",
    "@name @{told}{safe}",
    "%s %d %n",
    "../../etc/passwd",
    "a\x00b",
    "a\x1b[31mb",
    "\u202egnp.exe",
    "line\nbreak\ttab",
    "\ud800",
    "x" * 3000,
    "\U0001f98a \u2039\u0131\u203a \ufdfd",
]


class Seen(HTMLParser):
    """What a browser would make of it: which elements, and which text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.attributes = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def test_there_are_forty():
    """Of each kind of trick that is known here there is one."""
    assert len(set(HOSTILE)) == 40


@pytest.mark.parametrize("text", HOSTILE, ids=range(40))
def test_text_stays_text(text):
    """Whatever somebody wrote, the elements are ours, and the text reads as it was written."""
    seen = Seen(element("p", text, element("b", text), title=text))
    assert seen.tags == ["p", "b"]
    assert [name for name, _ in seen.attributes] == ["title"]
    shown = "\n".join(part if part.isprintable() else "" for part in text.split("\n"))
    assert shown in seen.text or not shown
    assert "\x00" not in seen.text


def test_markup_is_not_escaped_again():
    """What was made here stands as it is, in lists as well; what only looks like it does not."""
    made = element("i", "a & b")
    assert join(made, [made, "<i>"]) == f"{made}{made}&lt;i&gt;"
    assert isinstance(join("x"), Html)


def test_attributes_of_no_value_are_left_out():
    """None means that there is no such attribute; an element without an end has no parts."""
    assert element("input", disabled=None, data_ask="x") == '<input data-ask="x">'


def test_addresses_hold_whatever_names_there_are():
    """What stands in an address is quoted, and comes out again."""
    assert address("flows") == "flows"
    assert html.unescape(address("flow-task", task="a b&c=[1, 2]", run="1f")) == (
        "flow-task?task=a+b%26c%3D%5B1%2C+2%5D&run=1f"
    )
