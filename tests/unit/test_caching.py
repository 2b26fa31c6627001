"""Policies and keys: what a key is made of, and what cannot be one."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import timedelta

import pytest

from daskflow import (
    FLOW_PARAMETERS,
    INPUTS,
    RUN_ID,
    TASK_SOURCE,
    CacheKeyError,
    DefinitionError,
    task,
)
from daskflow.caching import (
    DEFAULT_POLICY,
    CachePolicy,
    CacheRule,
    Call,
    Part,
    digest_of,
    make_cache_rule,
    make_key,
)
from daskflow.context import RunContext, TaskRunContext
from daskflow.questions import CacheLookup, CacheWrite, answer_nothing
from daskflow.signals import RunInterrupted
from daskflow.timing import as_datetime

RUN = RunContext("etl", "ab12", "calm-otter", {"day": 3}, as_datetime(0.0))
CONTEXT = TaskRunContext(RUN, "load", "load", (), 0)


def call(source="s1", parameters=(), **inputs):
    return Call("load", inputs, CONTEXT, source, dict(parameters))


def key(policy, made):
    return make_key(CacheRule(policy), made).key


def length(context, inputs):
    return len(inputs["x"])


def test_a_policy_is_a_sum():
    """Each part once, in order, and whatever is left out stays left out."""
    policy = INPUTS + RUN_ID - "x" + (TASK_SOURCE + INPUTS) - "y"
    assert policy.parts == (Part.INPUTS, Part.RUN_ID, Part.TASK_SOURCE)
    assert policy.left_out == {"x", "y"}
    assert DEFAULT_POLICY == INPUTS + TASK_SOURCE


def test_functions_are_added_from_both_sides():
    """A function is a policy too."""
    assert (INPUTS + length).parts == (Part.INPUTS, length)
    assert (length + INPUTS).parts == (length, Part.INPUTS)
    assert CachePolicy.of(length) == CachePolicy((length,))


@pytest.mark.parametrize(
    "wrong", [lambda: INPUTS + 3, lambda: 3 + INPUTS, lambda: INPUTS - 3, lambda: "x" - INPUTS]
)
def test_what_cannot_be_added(wrong):
    """Python says so, as for any two things that do not fit."""
    with pytest.raises(TypeError):
        wrong()


def test_each_part_is_told_by_a_name():
    """Digests are by what they are of, so that a miss can be explained."""
    policy = INPUTS + TASK_SOURCE + RUN_ID + FLOW_PARAMETERS + length
    found = (policy - "log").digests(call(parameters={"day": "d3", "log": ""}, x="abc", log=1))
    assert found == {
        "argument 'x'": digest_of("abc", ""),
        "source": "s1",
        "run id": "ab12",
        "parameter 'day'": "d3",
        "length()": digest_of(3, ""),
    }


def test_what_is_left_out_first_leaves_the_rest():
    """A parameter that is left out ends nothing: those behind it count."""
    made = call(parameters={"log": "", "day": "d3"})
    assert (FLOW_PARAMETERS - "log").digests(made) == {"parameter 'day'": "d3"}


def test_a_key_tells_what_it_is_made_of():
    """By that it can be told later why a result was not found."""
    made = call(x=1)
    assert make_key(CacheRule(INPUTS), made).digests == INPUTS.digests(made)


def test_a_function_that_raises_is_named():
    """The message has the task, the function and what it raised."""
    with pytest.raises(CacheKeyError) as raised:
        key(INPUTS + length, call(y=1))
    told = "the cache policy of task 'load': length() raised KeyError: 'x'"
    assert str(raised.value) == told


def test_equal_calls_have_equal_keys():
    """Whatever the order of arguments; the name of the task comes first."""
    one, other = call(x=1, y=[2]), call(y=[2], x=1)
    assert key(INPUTS, one) == key(INPUTS, other)
    assert key(INPUTS, one).startswith("load-")


@pytest.mark.parametrize(
    ("policy", "made"),
    [
        (INPUTS, call(x=2)),
        (INPUTS, call(x=1.0)),
        (INPUTS, call(x=True)),
        (INPUTS, call(x="1")),
        (INPUTS, call(y=1)),
        (INPUTS, Call("other", {"x": 1}, CONTEXT)),
        (INPUTS + TASK_SOURCE, call("s2", x=1)),
        (FLOW_PARAMETERS, call(parameters={"day": "d4"}, x=1)),
    ],
)
def test_other_calls_have_other_keys(policy, made):
    """Another value, another type, another name, another source."""
    assert key(policy, made) != key(policy, call(x=1, parameters={"day": "d3"}))


def test_keys_are_the_same_in_every_process():
    """Also where the order of a set of texts is not."""
    program = (
        "from tests.unit.test_caching import *; "
        "print(key(DEFAULT_POLICY, call(x={'a', 'b', 'c', 'd'}, y={'k': (1, None)})))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_a_function_that_wants_nothing_cached():
    """None is no key."""
    assert make_key(CacheRule(INPUTS + (lambda context, inputs: None)), call(x=1)) is None


def test_two_functions_of_one_name():
    """Both count."""
    first, second = (lambda context, inputs: 1), (lambda context, inputs: 2)
    found = CachePolicy((first, second)).digests(call())
    assert list(found) == ["<lambda>()", "<lambda>()'"]


class ByDay:
    """A function of the user's that is an object."""

    def __call__(self, context, inputs):
        return context.parameters["day"]


def test_an_object_can_be_the_function():
    """It is named by its class."""
    assert list((INPUTS + ByDay()).digests(call())) == ["ByDay()"]


def test_what_cannot_be_hashed_is_named():
    """Argument, task, type and the cure; what a function returned; a parameter of the flow."""
    with pytest.raises(CacheKeyError) as caught:
        make_key(CacheRule(), call(x=1, lock=threading.Lock()))
    told = str(caught.value)
    assert told.startswith("argument 'lock' of task 'load' is a lock that cannot be hashed")
    assert told.endswith("; leave it out: cache_policy=INPUTS - 'lock'")
    with pytest.raises(CacheKeyError, match=r"what <lambda>\(\) returned for task 'load'"):
        make_key(CacheRule(CachePolicy((lambda context, inputs: object(),))), call())
    with pytest.raises(CacheKeyError, match=r"parameter 'log' cannot .* task 'load'; leave it"):
        make_key(CacheRule(FLOW_PARAMETERS), call(parameters={"log": ""}))


class Interrupting:
    """A value that is being hashed when the user presses Ctrl-C."""

    def __dask_tokenize__(self):
        raise RunInterrupted

    def __str__(self):
        raise RunInterrupted


def interrupted(context, inputs):
    raise RunInterrupted


@pytest.mark.parametrize(
    "rule", [CacheRule(INPUTS), CacheRule(CachePolicy((interrupted,))), CacheRule(template="{x}")]
)
def test_ctrl_c_goes_up(rule):
    """The engine's own interrupt is no fault of a key."""
    with pytest.raises(RunInterrupted):
        make_key(rule, call(x=Interrupting()))


def test_a_template_is_the_key():
    """Of arguments, else of parameters of the flow; formats and fields of fields work."""
    rule = CacheRule(template="{x:03}/{y[0]}/{day}")
    assert make_key(rule, call(x=7, y=["a"])) == ("007/a/3", {"cache_key": "007/a/3"})
    assert make_key(rule, call(x=7, y="b", day=1)).key == "007/b/1"


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{z}", "names 'z'; there are: day, x"),
        ("{x:%Y}", "cannot be filled"),
        ("{x.y}", "cannot be filled"),
        ("{x}", "an address in memory"),
    ],
)
def test_a_template_that_cannot_be_filled(template, told):
    """The task, the template and what is wrong."""
    with pytest.raises(CacheKeyError) as caught:
        make_key(CacheRule(template=template), call(x=object()))
    assert str(caught.value).startswith(f"task 'load': cache_key={template!r}")
    assert told in str(caught.value)


# ------------------------------------------------------------------------------ the task's words


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({}, None),
        ({"cache": True}, CacheRule()),
        ({"cache_expiration": 60}, CacheRule(lasts=60.0)),
        ({"cache_expiration": timedelta(minutes=1)}, CacheRule(lasts=60.0)),
        ({"cache_policy": INPUTS}, CacheRule(INPUTS)),
        ({"cache_policy": length, "cache": True}, CacheRule(CachePolicy((length,)))),
        ({"cache_key": "{x}", "cache_expiration": 1}, CacheRule(template="{x}", lasts=1.0)),
        ({"cache_key": "all", "cache_policy": None}, CacheRule(template="all")),
        ({"cache": False, "cache_policy": INPUTS}, None),
        ({"cache": None, "cache_expiration": 60}, None),
        ({"cache_policy": None, "cache_key": None, "cache_expiration": None}, None),
    ],
)
def test_what_the_words_of_a_task_come_to(options, rule):
    """Inputs and source where nothing else is said; False and None switch off."""
    assert make_cache_rule("load", options) == rule
    assert task(lambda x: x, name="load", **options).rules.cache == rule


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"cache": INPUTS}, "is True or False; what it goes by is cache_policy="),
        ({"cache": 1}, "is True or False"),
        ({"cache_policy": INPUTS, "cache_key": "a"}, "cache_policy= or cache_key=, not both"),
        ({"cache_policy": "inputs"}, "must be INPUTS, TASK_SOURCE, RUN_ID, FLOW_PARAMETERS"),
        ({"cache_key": "{x"}, "is no template"),
        ({"cache_key": 3}, "is no template"),
        ({"cache_key": ""}, "must name arguments"),
        ({"cache_key": "{}"}, "must name arguments"),
        ({"cache_key": "{0}"}, "must name arguments"),
        ({"cache_expiration": 0}, "must be a time above 0"),
        ({"cache_expiration": timedelta(seconds=-1)}, "must be a time above 0"),
        ({"cache_expiration": "1h"}, "must be a time above 0"),
        ({"cache_policy": INPUTS - "log"}, "leaves out 'log'; its arguments: x"),
        ({"cache_for": 3}, "cache_for= is called cache_expiration= here"),
        ({"cache_key_fn": length}, "cache_key_fn= is called cache_policy= here"),
    ],
)
def test_words_that_make_no_sense(options, told):
    """The task is named, and the cure, where it is declared."""
    with pytest.raises(DefinitionError, match="task 'load'") as caught:
        task(lambda x: x, name="load", **options)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("function", "policy"),
    [
        (lambda log: log, INPUTS - "log"),
        (lambda **words: words, INPUTS - "log"),
        (lambda *args: args, INPUTS - "args[0]"),
        (lambda x: x, INPUTS + FLOW_PARAMETERS - "log"),
    ],
)
def test_what_may_be_left_out(function, policy):
    """An argument, any word where a function takes any, a parameter of the flow."""
    assert task(function, name="load", cache_policy=policy).rules.cache.policy is policy


def test_a_function_without_arguments_has_none_to_leave_out():
    """The message says so."""
    with pytest.raises(DefinitionError, match="its arguments: none"):
        task(lambda: 1, name="load", cache_policy=INPUTS - "x")


# ------------------------------------------------------------------------------------- questions


def test_an_entry_lasts_from_when_it_is_kept():
    """By the clock of whoever keeps it."""
    write = CacheWrite("k", b"v", {}, "load", "ab12/load", 60.0)
    assert (write.entry(100.0).created, write.entry(100.0).expires) == (100.0, 160.0)
    assert CacheWrite("k", b"v", {}, "load", "ab12/load").entry(100.0).expires is None


def test_nobody_answers():
    """The question is named."""
    with pytest.raises(LookupError, match="nobody answers a CacheLookup here"):
        answer_nothing(CacheLookup("k"))
