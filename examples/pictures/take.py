"""Take the README's pictures of the Flows pages: ``python examples/pictures/take.py``.

They show the flights example, so they stand beside it: a run that went well, and one for which the
weather service never answers. Needs ``daskflow[dev]`` and a Chromium, as the tests of the pages do.
"""

import shutil
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from daskflow import keeping
from daskflow.stores.history import Holder

HERE = Path(__file__).resolve().parent
WIDE, NARROW = 1440, 1024


def run_flights(folder: Path) -> Path:
    """Let there be a run that goes well, and one that asks in vain; return their store."""
    keeping.holder = lambda: Holder("ada", "laptop", 4711)  # not who takes pictures, and where
    text = (HERE.parent / "flights.py").read_text(encoding="utf-8")
    (folder / "flights.py").write_text(text, encoding="utf-8")
    in_vain = text.replace("if context.attempt == 1:", "if context.attempt:")
    (folder / "in_vain.py").write_text(in_vain, encoding="utf-8")
    sys.path.insert(0, str(folder))
    store = folder / "runs.db"
    for module, name in (("flights", "flights of 2013"), ("in_vain", "flights without weather")):
        flow = import_module(module).flights
        flow.with_options(store=store, tags={"nightly"}, run_name=name).run(folder=folder / name)
    return store


def take(page: Page, url: str) -> None:
    """Take one picture of each page."""

    def shoot(name: str, width: int, height: int) -> None:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(1500)  # until figures have found their size
        page.screenshot(path=HERE / f"{name}.png")

    page.goto(url)
    page.get_by_text("131 of 131").nth(1).wait_for()
    shoot("runs", NARROW, 300)
    page.get_by_role("link", name="flights of 2013").click()
    page.locator("table.task-runs").wait_for()
    shoot("run", WIDE, 1060)
    page.get_by_label("timeline").select_option("by task")
    shoot("timeline", NARROW, 1010)
    page.goto(url)
    page.get_by_role("link", name="flights without weather").click()
    page.get_by_role("link", name="add_weather[2]").first.click()
    page.locator("section", has_text="traceback").wait_for()
    page.emulate_media(color_scheme="dark")
    shoot("failed", NARROW, 900)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="flights-") as folder:
        store = run_flights(Path(folder))
        command = [sys.executable, "-m", "daskflow.cli", "dashboard", "--port", "0", "--store"]
        server = subprocess.Popen([*command, store], stdout=subprocess.PIPE, text=True)
        try:
            told = server.stdout.readline().split() if server.stdout else []
            url = next(word for word in told if word.startswith("http"))
            with sync_playwright() as driver:
                path = shutil.which("chromium")
                browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
                take(browser.new_page(), url)
                browser.close()
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
