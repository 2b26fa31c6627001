"""A real browser, and a server of the pages for it to look at."""

import asyncio
import shutil
import threading
from contextlib import ExitStack, contextmanager

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
    """A browser that shows nothing on a screen, and keeps what it has loaded."""
    if BROWSER is None:
        pytest.skip(f"there is no Chromium: {INSTALL}")
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield browser.new_context()
        browser.close()


@pytest.fixture
def serve():
    """Serve the pages over a source until the test is over; gives the address of the first one."""
    with ExitStack() as stack:
        yield lambda source: stack.enter_context(served(source))


@pytest.fixture
def browse(chromium, serve):  # whoever looks goes before the server does
    """Open pages; nothing may go wrong in their scripts."""
    wrong = []

    def open_page(url, width=1440, scheme="light"):
        page = chromium.new_page()
        page.set_default_timeout(15_000)
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)

        def note(told):
            wrong.extend([told] if "/flow" in page.url else [])  # Dask's pages are Dask's affair

        page.on("pageerror", lambda error: note(str(error)))
        page.on("console", lambda told: told.type == "error" and note(told.text))
        page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        page.goto(url)
        return page

    yield open_page
    for page in chromium.pages:
        page.close()
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
        await server.close()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    assert is_there.wait(20)
    try:
        yield told["url"]
    finally:
        told["loop"].call_soon_threadsafe(told["end"].set)
        thread.join(20)
    assert not thread.is_alive()
