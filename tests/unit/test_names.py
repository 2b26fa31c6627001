"""Names that are made up."""

from __future__ import annotations

import random
import re

from daskflow.names import make_name


def test_a_name_is_two_short_words():
    """A name can be said, typed, and used in a path."""
    names = {make_name(random.Random(seed)) for seed in range(200)}
    assert all(re.fullmatch(r"[a-z]{3,8}-[a-z]{2,8}", name) for name in names)
    assert len(names) > 150


def test_the_chooser_decides():
    """The same draw makes the same name."""
    assert make_name(random.Random(1)) == make_name(random.Random(1))
