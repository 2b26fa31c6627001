"""A real browser, and a server of the pages for it to look at."""

import asyncio
import shutil
import threading
from contextlib import contextmanager

import pytest

BROWSER = shutil.which("chromium")
INSTALL = "apt-get install -y chromium"  # Debian's; any other Chromium on the path does as well
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")  # while it is there, this thread can run no event loop
def chromium():
    """A browser that shows nothing on a screen."""
    if BROWSER is None:
        pytest.skip(f"there is no Chromium: {INSTALL}")
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium):
    """Open pages in a browser that knows nothing yet; nothing may go wrong in their scripts."""
    contexts, wrong = [], []

    def open_page(url, **options):
        context = chromium.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda told: told.type == "error" and wrong.append(told.text))
        page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


@contextmanager
def served(source):
    """Serve the pages over a source meanwhile, in a thread; give the address of the first one."""
    from daskflow.dashboard.serving import PagesServer

    told, is_there = {}, threading.Event()

    async def serve():
        server = PagesServer(source, port=0)
        told.update(url=server.url, loop=asyncio.get_running_loop(), end=asyncio.Event())
        is_there.set()
        await told["end"].wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    assert is_there.wait(20)
    try:
        yield told["url"]
    finally:
        told["loop"].call_soon_threadsafe(told["end"].set)
        thread.join(20)
    assert not thread.is_alive()
