"""A process is killed half way through a run; another one goes on with it, and does nothing twice.

Every state, and every result that is small or kept by `persist_result=True`, is in the store before
it counts. By default that is a file in `~/.daskflow`; this example has a file of its own.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading

from daskflow import LocalExecutor, flow, task

MODE = sys.argv[1] if len(sys.argv) > 1 else ""


@task
def bake(cake: str) -> str:
    print(f"  bake a {cake} cake", flush=True)
    return f"{cake} cake"


@task
def deliver(cakes: list[str]) -> str:
    if MODE == "bake":
        threading.Event().wait(2)  # the cakes are in the store long before
        print("  the power fails", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    print(f"  deliver {len(cakes)} cakes", flush=True)
    return " and ".join(cakes)


@flow(executor=LocalExecutor())
def bakery(cakes: list[str]) -> str:
    return deliver(bake.map(cakes))


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "DASKFLOW_STORE__URL": f"sqlite:///{home}/runs.db"}
        for mode in ("bake", "resume"):
            print(f"{mode}:", flush=True)
            subprocess.run([sys.executable, __file__, mode], env=environment, check=False)


if __name__ == "__main__":
    if MODE == "bake":
        bakery(["plum", "lemon"])
    elif MODE == "resume":
        run = bakery.resume("last")  # in a terminal: daskflow resume last
        print(f"  {run.state}: {run.result()}")
    else:
        main()
