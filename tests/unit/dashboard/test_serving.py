"""Who is answered by the server of the pages, and who is not."""

from __future__ import annotations

import asyncio
import gc
import os
import socket

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from daskflow.dashboard.documents import PAGES
from daskflow.dashboard.serving import PagesServer, hosts_of, serve
from daskflow.stores.memory import MemoryStore


def asked(*requests, names=()):
    """Ask a server for several things; return the codes of its answers, and their texts."""

    async def ask():
        server = PagesServer(MemoryStore(), port=0, names=names)
        client = AsyncHTTPClient(force_instance=True)
        found = []
        try:
            for path, headers in requests:
                told = {
                    name: value.replace("PORT", str(server.port)) for name, value in headers.items()
                }
                url = f"http://127.0.0.1:{server.port}{path}"
                answer = await client.fetch(
                    HTTPRequest(url, headers=told, follow_redirects=False), raise_error=False
                )
                found.append((answer.code, answer.body.decode(), answer.headers))
        finally:
            await server.close()
            client.close()
        return found

    return asyncio.run(ask())


def test_each_page_is_there_and_nothing_comes_from_elsewhere():
    """The pages need no network: scripts and styles come from the server itself."""
    for code, text, _ in asked(*((path, {}) for path in PAGES)):
        assert code == 200
        assert "https://" not in text.split("</head>")[0]


def test_the_first_page_is_found():
    """Who asks for no page gets to the runs."""
    [(code, _, headers)] = asked(("/", {}))
    assert (code, headers["Location"]) == (302, "/flows")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:PORT"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1:1"},
        {"Host": "127.0.0.1.evil.example:PORT"},
        {"Host": "localhost:PORT@evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Origin": "http://localhost:PORT.evil.example"},
    ],
)
@pytest.mark.parametrize("path", ["/flows", "/flows/ws", "/static/js/bokeh.min.js", "/"])
def test_foreign_hosts_and_origins_are_refused(headers, path):
    """A page of others reaches nothing, by whatever name it leads here."""
    [(code, text, _)] = asked((path, headers))
    assert code in {400, 403}  # 400: no name at all
    assert "daskflow-intent" not in text


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "localhost:PORT"},
        {"Host": "LOCALHOST:PORT", "Origin": "http://LocalHost:PORT"},
        {"Host": "[::1]:PORT"},
        {"Host": "tower.example:PORT", "Origin": "http://tower.example:PORT"},
    ],
)
def test_known_names_are_answered(headers):
    """Those of this host, and those that were allowed."""
    [(code, _, _)] = asked(("/flows", headers), names=["tower.example"])
    assert code == 200


def test_pages_are_not_embedded():
    """There is nothing for others to put into theirs."""
    [(code, _, _)] = asked(("/flows/autoload.js?bokeh-autoload-element=x", {}))
    assert code == 403


def test_a_web_socket_of_others_is_refused():
    """The data come by the web socket, so it is not for others either."""

    async def connect():
        server = PagesServer(MemoryStore(), port=0)
        url = f"ws://127.0.0.1:{server.port}/flows/ws"
        request = HTTPRequest(url, headers={"Origin": "http://evil.example"})
        try:
            with pytest.raises(HTTPClientError) as refused:
                await websocket_connect(request, subprotocols=["bokeh", "no token"])
            return refused.value.code
        finally:
            await server.close()

    assert asyncio.run(connect()) == 403


def test_it_listens_on_this_host_only():
    """Unless it is told otherwise."""

    async def name():
        server = PagesServer(MemoryStore(), port=0)
        try:
            return server.url
        finally:
            await server.close()

    assert asyncio.run(name()).startswith("http://127.0.0.1:")


def test_a_port_that_is_in_use_is_told():
    """Nobody else is pushed aside."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        serve(MemoryStore(), "127.0.0.1", taken.getsockname()[1], (), print)


@pytest.fixture
def collector():
    """Python's garbage collector, which looks at everything again in the end."""
    yield gc
    gc.unfreeze()


def test_it_serves_until_it_is_interrupted(collector):
    """Ctrl-C ends it, and the port is free again; what was loaded is looked at no more."""
    told = []

    def interrupt(url):
        told.append(url)
        os.kill(os.getpid(), 2)

    with pytest.raises(KeyboardInterrupt):
        serve(MemoryStore(), "127.0.0.1", 0, (), interrupt)
    assert collector.get_freeze_count()
    port = int(told[0].split(":")[2].split("/")[0])
    socket.create_server(("127.0.0.1", port)).close()


def test_a_browser_leaves_out_the_port_of_http():
    """On port 80 names come without it."""
    assert hosts_of(["a"], 80) == {"a", "a:80"}
    assert hosts_of(["a"], 81) == {"a:81"}
