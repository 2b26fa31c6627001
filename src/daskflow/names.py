"""Names that are made up for flow runs: short, readable, easy to say on the phone."""

from __future__ import annotations

import random

_QUALITIES = (  # noqa: SIM905 - a wall of quotes reads worse
    "able amber bold brave brisk calm clear clever copper crisp early fair fond gentle glad golden "
    "happy honest jolly keen kind light lively lucky mellow merry mild neat nimble noble patient "
    "plain proud quick quiet ready rosy round sage sharp silver smooth snug solid spry steady "
    "stout sunny swift tidy true warm wise witty young zesty"
).split()
_ANIMALS = (  # noqa: SIM905 - the same
    "badger bat bear beaver bee bison boar crane crow deer dove eagle egret elk falcon ferret "
    "finch fox frog gecko goat goose hare hawk heron ibis jay koala lark lemur lion llama lynx "
    "mole moose moth newt okapi otter owl panda puffin quail rabbit raven robin salmon seal "
    "shrew sparrow stork swan tiger toad trout turtle walrus weasel wolf wren yak zebra"
).split()


def make_name(chooser: random.Random) -> str:
    """Return a name such as ``brave-otter``.

    Examples
    --------
    >>> make_name(random.Random(7))
    'kind-yak'
    """
    return f"{chooser.choice(_QUALITIES)}-{chooser.choice(_ANIMALS)}"
