"""Break the rooms that decide, line by line, and count what their unit tests notice.

On demand, not in CI: some minutes on one core. From the root of a checkout:

    .venv/bin/python tests/mutation/run.py

It works in a folder of its own (told at the end, with the survivors still in it) with a virtual
environment of its own, into which it puts `mutmut`. What survives for a reason is in SURVIVORS.md.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
MUTMUT = "mutmut>=3.8,<4"
LEAST = 0.9  # of all mutants are to be killed
KILLED = {"killed", "timeout", "segfault", "suspicious"}  # the last: only far slower
COPIED = ("src", "tests", "examples", "pyproject.toml", "requirements.lock", "README.md", "LICENSE")

# The rooms, and the unit tests that are to notice; a test runs for the functions that it calls.
ROOMS = {
    "triggers": ("test_triggers.py",),
    "retries": ("test_retries.py",),
    "signals": ("test_signals.py",),
    "states": ("test_states.py",),
    "hooks": ("test_hooks.py", "runtime/test_state_handlers.py"),
    "caching": ("test_caching.py",),
    "runtime/verdict": ("runtime/test_verdict.py",),
    "runtime/steps": (
        "runtime/test_steps.py",
        "runtime/test_signalled.py",
        "runtime/test_handled.py",
        "runtime/test_calling.py",
        "runtime/test_pausing.py",
        "runtime/test_caches.py",
        "runtime/test_durable.py",
    ),
}
SETTINGS = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = {rooms}
also_copy = ["tests", "examples", "pyproject.toml", "README.md"]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib"]
pytest_add_cli_args_test_selection = {tests}
"""


def prepare(folder):
    """Copy the checkout, make its environment, and return the program to run there."""
    for name in COPIED:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, folder / name)
    rooms = [f"src/daskflow/{room}.py" for room in ROOMS]
    tests = dict.fromkeys(f"tests/unit/{test}" for row in ROOMS.values() for test in row)
    told = SETTINGS.format(
        rooms=[room for room in rooms if (folder / room).exists()],
        tests=[test for test in tests if (folder / test).exists()],
    )
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as settings:
        settings.write(told.replace("'", '"'))
    subprocess.run([sys.executable, "-m", "venv", ".venv"], cwd=folder, check=True)
    install = [".venv/bin/pip", "install", "-q", "-c", "requirements.lock", "-e", ".[dev]", MUTMUT]
    subprocess.run(install, cwd=folder, check=True)
    return folder / ".venv/bin/mutmut"


def results(mutmut, folder):
    """Return what became of each mutant, by its name."""
    listed = subprocess.run(
        [mutmut, "results", "--all", "true"], cwd=folder, check=True, capture_output=True, text=True
    )
    rows = [line.strip().rpartition(": ") for line in listed.stdout.splitlines() if ": " in line]
    return {name: end for name, _, end in rows}


def change(mutmut, folder, name):
    """Return what a mutant changes."""
    shown = subprocess.run(
        [mutmut, "show", name], cwd=folder, check=False, capture_output=True, text=True
    )
    lines = [line for line in shown.stdout.splitlines() if line[:1] in {"+", "-"}]
    return "\n".join(f"    {line}" for line in lines if line[:3] not in {"+++", "---"})


def main():
    """Run all mutants, print the survivors, and fail where too many are left."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--changes", action="store_true", help="show what each survivor changes")
    parser.add_argument("--folder", type=Path, help="one that an earlier run has left: go on there")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="daskflow-mutants-"))
    mutmut = folder / ".venv/bin/mutmut"
    if not mutmut.exists():
        mutmut = prepare(folder)
    subprocess.run(
        [mutmut, "run", "--max-children", "1"], cwd=folder, check=True, stdin=subprocess.DEVNULL
    )
    ends = results(mutmut, folder)
    total, killed = Counter(), Counter()
    for name, end in ends.items():
        room = "/".join(name.split(".")[1:-1])
        total[room] += 1
        if end in KILLED:
            killed[room] += 1
        else:
            print(f"{name}: {end}")
            if options.changes:
                print(change(mutmut, folder, name))
    for room, count in total.items():
        print(f"{killed[room] / count:4.0%} of {count:4} killed: {room}")
    share = killed.total() / total.total()
    print(f"{share:4.1%} of {total.total()} killed, at least {LEAST:.0%} are to be; {folder}")
    return int(share < LEAST)


if __name__ == "__main__":
    sys.exit(main())
