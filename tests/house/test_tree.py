"""The top of the tree holds what a newcomer expects there, and nothing else."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

from tests.house.reading import ROOT, SOURCE

NEEDED = {
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "examples",
    "pyproject.toml",
    "requirements.lock",
    "src",
    "tests",
}
WELCOME = {"benchmarks"}


def top_level(root: Path) -> set[str]:
    """List the top of a tree without what its ``.gitignore`` names."""
    lines = (root / ".gitignore").read_text(encoding="utf-8").splitlines()
    ignored = [".git", *(line.strip("/") for line in lines if line and not line.startswith("#"))]
    names = {path.name for path in root.iterdir()}
    return {name for name in names if not any(fnmatch(name, pattern) for pattern in ignored)}


def test_the_top_level_is_the_known_one(figure):
    """Nothing is missing, and nothing new lies about."""
    found = top_level(ROOT)
    figure(f"top level: {len(found)} entries, {', '.join(sorted(found - NEEDED)) or 'none'} more")
    assert found - WELCOME == NEEDED


def test_what_lies_about_is_seen(tmp_path):
    """Files that git ignores do not count, others do."""
    (tmp_path / ".gitignore").write_text("# caches\n/.cache/\n*.py[co]\n")
    for name in (".git", ".cache", "a.pyc", "notes.txt"):
        (tmp_path / name).touch()
    assert top_level(tmp_path) == {".gitignore", "notes.txt"}


def test_the_changelog_names_this_version():
    """The newest numbered heading of the changelog is the version of the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[(\d\S*)\]", changelog, re.MULTILINE)[0] == project["version"]


def on_the_map(readme: str) -> list[str]:
    """List the rooms that the README's map of the house names, as often as it does."""
    rows = readme.partition("| room in")[2].partition("\n\n")[0].splitlines()
    return [name for row in rows for name in re.findall(r"`(\w+)/?`", row.split("|")[1])]


def test_the_map_of_the_house_shows_every_room():
    """Each module and package of the top level stands in the README, once."""
    rooms = [path.stem for path in SOURCE.iterdir() if path.suffix in {"", ".py"}]
    assert sorted(on_the_map((ROOT / "README.md").read_text(encoding="utf-8"))) == sorted(
        room for room in rooms if not room.startswith("_")
    )


def test_a_room_on_the_map_is_seen():
    """Those in the first column of the one table, of which a row may name several."""
    text = "| `no` |\n\n| room in `src` | for |\n| --- | --- |\n| `a` `b/` | x `no` |\n\n| `no` |"
    assert on_the_map(text) == ["a", "b"]
