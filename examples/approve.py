"""A task that pauses until a person has looked: refunds over a limit."""

from daskflow import LocalExecutor, Pause, context, flow, task

LIMIT = 100


@task
def check(refund: int) -> int:
    """Let small refunds pass; called again, for a large one, when somebody has approved it."""
    if refund > LIMIT and not context.resumed:
        raise Pause(f"a refund of {refund} is over {LIMIT}")
    return refund


@task
def pay(refund: int) -> str:
    return f"paid {refund}"


@flow(executor=LocalExecutor())  # with a cluster it is the same, and nothing is held meanwhile
def refunds(asked: list[int]) -> list[str]:
    return pay.map(check.map(asked))


if __name__ == "__main__":
    run = refunds.run(asked=[20, 250, 70, 900])  # comes back when only people can help
    print(run.state)
    for child in run[check]:
        print(f"{child.name}: {child.state}")

    run.approve(check, 1)  # it goes on in here, to where it waits for somebody again
    run.reject("check[3]", message="the customer never ordered")
    print(run.state)
    print([type(child.state).__name__ for child in run[pay]])
