"""The small functions that the cases are made of, and states in the shorthand of the cases."""

from daskflow import Skip, context, states

SHORT = {
    states.Pending: "P",
    states.Running: "running",
    states.Retrying: "R",
    states.Paused: "PA",
    states.Success: "S",
    states.Cached: "C",
    states.Skipped: "SK",
    states.Failed: "F",
    states.TriggerFailed: "TF",
    states.TimedOut: "TO",
    states.Crashed: "CR",
    states.Cancelling: "cancelling",
    states.Cancelled: "CA",
}


def short(state):
    """Return a state in short: S, TF, M[S,F,S]."""
    if isinstance(state, states.Mapped):
        return f"M[{','.join(map(short, state.children))}]"
    return SHORT[type(state)]


def kinds(run):
    """Return the state of each node of a run in short, by the node's name."""
    return {progress.node: short(run[progress.node].state) for progress in run.progress()}


def ok():
    return 1


def boom():
    raise ValueError("no")


def skip():
    raise Skip("nothing to do")


def ident(x):
    return x


def collect(xs):
    return xs


def total(xs):
    return sum(xs)


def inc(x):
    return x + 1


def add(x, y):
    return x + y


def rng(n):
    return list(range(n))


def fail2(x):
    if x == 2:
        raise ValueError("two")
    return x


def skip2(x):
    if x == 2:
        raise Skip("two")
    return x


def third_time(x):
    """Succeed at the third attempt."""
    if context.attempt < 3:
        raise ValueError(f"attempt {context.attempt}")
    return x


def fail2_once(x):
    """Fail the first attempt with the input 2."""
    if x == 2 and context.attempt == 1:
        raise ValueError("two, once")
    return x


ALL = (ok, boom, skip, ident, collect, total, inc, add, rng, fail2, skip2, third_time, fail2_once)
