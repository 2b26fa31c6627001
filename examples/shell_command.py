"""Shell commands as tasks: an exit code is a state, and what they write is in the log."""

from tempfile import TemporaryDirectory

from daskflow import LocalExecutor, all_finished, flow, shell, successful, unmapped

# a name in braces is a parameter; its value is quoted, so that it is one word, whatever is in it
write = shell("cd {folder}; seq {last} > {name}; echo wrote {name}", name="write")
check = shell(
    """
    cd {folder}
    echo looking for 7 in {name}
    grep -x 7 {name} || {{ echo there is none >&2; exit 3; }}
    echo {name}
    """,
    name="check",
    timeout_seconds=60,  # whatever still runs then is ended, with all that it has started
)
largest = shell(
    "cd {folder}; sort -rnu {names} | head -n 3",
    name="largest",
    return_all=True,  # a list of all lines; else it is the last one
    trigger=all_finished,  # also where a check failed
)


@flow(executor=LocalExecutor(threads=2))
def numbers(folder: str, names: list[str], lasts: list[int]) -> list[str]:
    written = write.map(unmapped(folder), lasts, names)
    checked = check.map(unmapped(folder), names, wait_for=[written])
    return largest(folder, successful(checked))


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        run = numbers.run(folder, ["a few", "many", "most"], [5, 10, 12])
    for child in run[check]:
        print(child.name, type(child.state).__name__)
    for line in run.logs("check[0]"):  # or in a terminal: daskflow logs last --task 'check[0]'
        print(line.task_run, "|", line.message)
    print(run[largest].result())
