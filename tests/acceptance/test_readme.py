"""The README is true: its Python runs as written, and its shell lines are the two that count."""

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str, language: str) -> list[str]:
    """Pick the fenced blocks of one language, in order."""
    return [block for kind, block in FENCE.findall(text) if kind == language]


def as_script(text: str) -> str:
    """Blank out all but the Python blocks, so that a traceback has the README's line numbers."""
    script, end = "", 0
    for fence in FENCE.finditer(text):
        if fence[1] == "python":
            script += "\n" * text.count("\n", end, fence.start(2)) + fence[2]
            end = fence.end(2)
    return script


def run(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the Python blocks of a text as one script in a folder of its own."""
    (folder / "readme.py").write_text(as_script(text), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "readme.py"],
        env=os.environ | {"DASKFLOW_EXECUTOR": "local", "DASKFLOW_HOME": str(folder / "home")},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_python_of_the_readme_runs(tmp_path):
    """The Python blocks, one after the other, make a script that ends well."""
    text = README.read_text(encoding="utf-8")
    assert blocks(text, "python")
    result = run(text, tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_readme_has_two_shell_lines():
    """The first runs an example, the second the tests; both install what was tested."""
    example, tests = blocks(README.read_text(encoding="utf-8"), "sh")
    for line in (example, tests):
        assert line.count("\n") == 1
        assert "-c requirements.lock" in line
    assert "daskflow run examples/" in example
    assert "-m pytest" in tests


def test_a_wrong_readme_is_seen(tmp_path):
    """A block that fails is told with its line, and blocks share their names."""
    text = "# A\n\n```python\na = 1\n```\n\n```sh\nls\n```\n\n```python\nassert a == 2\n```\n"
    result = run(text, tmp_path)
    assert result.returncode == 1
    assert "line 12" in result.stderr
    assert run(text.replace("== 2", "== 1"), tmp_path).returncode == 0
