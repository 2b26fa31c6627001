"""Branches that are chosen while the flow runs, and a workplace that is cleaned up in any case."""

from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from daskflow import case, flow, ifelse, merge, resource_manager, switch, task


@resource_manager
class Workplace:
    """A folder that is there for the tasks inside of a `with`, and is gone behind them."""

    def setup(self) -> str:
        return mkdtemp()

    def cleanup(self, folder: str) -> None:
        rmtree(folder)


@task
def weigh(parcel: str) -> int:
    return len(parcel)


@task
def size(weight: int) -> str:
    return "small" if weight < 6 else "large"


@task
def stamp(parcel: str, folder: str) -> str:
    Path(folder, "label").write_text(parcel)
    return f"{parcel} by mail"


@task
def load(parcel: str, folder: str) -> str:
    Path(folder, "freight-note").write_text(parcel)
    return f"{parcel} by truck"


@flow
def send(parcel: str, worth: int = 0) -> tuple[str, int, str]:
    kind = size(weigh(parcel))
    with Workplace() as folder:
        with case(kind, "small"):
            mailed = stamp(parcel, folder)
        with case(kind, "large"):
            trucked = load(parcel, folder)
    days = switch(kind, {"small": 1, "large": 4})
    return merge(mailed, trucked), days, ifelse(worth, "insured", "at your risk")


if __name__ == "__main__":
    for parcel, worth in (("ring", 900), ("wardrobe", 0)):
        run = send.run(parcel, worth)
        print(*run.result(), sep=", ")
        print("  stamp:", run[stamp].state)
        print("  workplace left:", Path(run["Workplace.setup"].result()).exists())
