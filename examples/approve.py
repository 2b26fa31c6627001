"""Letters that a person reads before they are sent: a task that waits, approved child by child."""

from daskflow import Pause, context, flow, task, unmapped


@task
def write(name: str, discount: int) -> str:
    return f"Dear {name}, {discount} % off, for you alone"


@task
def send(letter: str, limit: int) -> str:
    discount = int(letter.split(", ")[1].split(maxsplit=1)[0])
    if discount > limit and not context.resumed:
        raise Pause(f"more than {limit} %: {letter!r}")
    return f"sent: {letter}"


@flow
def mailing(names: list[str], discounts: list[int], limit: int = 20) -> list[str]:
    return send.map(write.map(names, discounts), unmapped(limit))


if __name__ == "__main__":
    run = mailing.run(names=["Ann", "Ben", "Cleo"], discounts=[10, 30, 90])
    print(run.state)  # nothing runs any more, nothing is held: two letters wait
    for place, child in enumerate(run[send]):
        print(f"  {place} {child.state}")

    run.approve(send, 1)  # a person has read it
    run.reject(send, 2, "far too much")  # and will not have this one sent
    print(run.state)
    for child in run[send]:
        print(f"  {child.state}" if child.state.is_failed() else f"  {child.result()}")
