"""A flow in ten lines: squares, each on its own and in parallel, and their sum."""

from daskflow import flow, task

total = task(sum)  # any function is a task


@task
def square(number: int) -> int:
    return number * number


@flow
def hello(numbers: list[int]) -> int:
    return total(square.map(numbers))


if __name__ == "__main__":
    run = hello.run(numbers=[1, 2, 3])
    print(run.state, run[square][2].result(), run.result())
