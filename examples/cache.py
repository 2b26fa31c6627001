"""Results found again by other processes, and why one was not.

A task with `cache=True` goes by its arguments and its code. What it returned is in the store, so
any later run finds it, whatever process that is in; `daskflow why` names what was different where
nothing was found. This example has a store of its own, and runs itself three times.
"""

import os
import subprocess
import sys
import tempfile

from daskflow import LocalExecutor, flow, task


@task(cache=True)
def forecast(town: str, days: int) -> list[int]:
    print(f"  compute {days} days of {town}", flush=True)
    return [len(town) + day for day in range(days)]


@task
def warmest(forecasts: list[list[int]]) -> int:
    return max(max(one) for one in forecasts)


@flow(executor=LocalExecutor(), run_name="outlook-{days}")
def weather(days: int) -> int:
    return warmest([forecast("Oslo", days), forecast("Lisbon", days)])


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "DASKFLOW_STORE__URL": f"sqlite:///{home}/runs.db"}
        for days in ("3", "3", "5"):
            print(f"{days} days:", flush=True)
            subprocess.run([sys.executable, __file__, days], env=environment, check=True)
        why = [sys.executable, "-m", "daskflow", "why", "last", "forecast"]
        told = subprocess.run(why, env=environment, check=True, capture_output=True, text=True)
        print(next(line for line in told.stdout.splitlines() if "no cached result" in line))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run = weather.run(int(sys.argv[1]))
        states = [type(one.state).__name__ for one in run.task_runs]
        print(f"  {run.result()} degrees: {states}")
    else:
        main()
