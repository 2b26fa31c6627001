"""A flow whose shape depends on a number: as many folds as are asked for, each with its own node.

A parameter that is `Static` has its value already while the flow is traced, so it may be counted,
compared and printed there. What tasks return is still to come; but `[...]` and `/` on it are nodes.
"""

from daskflow import Static, flow, task

total = task(sum)


@task
def deal(rows: list[float], hands: int) -> list[list[float]]:
    return [rows[hand::hands] for hand in range(hands)]


@task
def error_of_mean(training: list[list[float]], test: list[float]) -> float:
    """Predict the mean of all other rows, and say how far off that is on average."""
    rows = [row for part in training for row in part]
    mean = sum(rows) / len(rows)
    return sum(abs(row - mean) for row in test) / len(test)


@flow
def cross_validate(rows: list[float], folds: Static[int] = 2) -> float:
    parts = deal(rows, folds)
    errors = []
    for fold in range(folds):
        others = [parts[other] for other in range(folds) if other != fold]
        errors.append(error_of_mean.named(f"fold-{fold}")(others, parts[fold]))
    return total(errors) / folds


if __name__ == "__main__":
    for folds in (2, 3):
        run = cross_validate.run([4, 8, 6, 2, 9, 7], folds=folds)
        nodes = [name for name in cross_validate.graph(folds=folds).nodes if "fold" in name]
        errors = " ".join(f"{run[name].result():.2f}" for name in nodes)
        print(f"{folds} folds: {run.result():.2f}, the mean of {errors}")
