"""A server of our own for the pages, over a store: without a cluster, for whoever is on this host.

It has no users and no passwords, so it listens on 127.0.0.1 unless it is told otherwise, and
answers only who asks for it by a name that it knows. A page from elsewhere in the same browser
could read it otherwise: by a name of its own that leads here (DNS rebinding), or by a web socket.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import jinja2
from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.server.tornado import BokehTornado
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.ioloop import IOLoop
from tornado.routing import Router

from daskflow.dashboard.documents import documents
from daskflow.dashboard.frames import asset
from daskflow.dashboard.sources import Source
from daskflow.garbage import spare_collector

HOST, PORT = "127.0.0.1", 8788
_LOCAL = ("127.0.0.1", "localhost", "[::1]")
_HTTP = 80  # a browser leaves this port out


class Gate(Router):
    """Lets through who asks by a known name, and comes from a known page or none.

    Parameters
    ----------
    hosts
        Known names with the port, as browsers tell them.
    """

    def __init__(self, hosts: Collection[str], behind: web.Application) -> None:
        self._hosts = hosts
        self._behind = behind
        self._refusing = web.Application()

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate | None:
        """Return what answers a request."""
        refused = self.refusal(request)
        if refused:
            return self._refusing.get_handler_delegate(request, _Refusal, {"told": refused})
        return self._behind.find_handler(request, **kwargs)

    def refusal(self, request: HTTPServerRequest) -> str:
        """Return why a request is refused; empty: it is not."""
        if request.host.lower() not in self._hosts:
            return "This server is asked for by a name that it does not know; see --allow-host."
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc.lower() not in self._hosts:
            return "This server answers no pages of others."
        if request.path.endswith("/autoload.js"):
            return "These pages are not to be embedded."
        return ""


class _Refusal(web.RequestHandler):
    """Tells why somebody is not let in."""

    def initialize(self, told: str) -> None:
        self._told = told

    def prepare(self) -> None:
        self.set_status(403)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(self._told)


class _Lean(BokehTornado):  # type: ignore[misc]
    """Serves what these pages are made of, and leaves out a third of Bokeh's scripts and more."""

    def resources(self, absolute_url: Any = None) -> Any:
        made = super().resources(absolute_url)
        made.components = ["bokeh", "bokeh-widgets"]
        return made


class PagesServer:
    """Serves the pages over a source, in the event loop of the thread that makes it.

    Parameters
    ----------
    port
        0: any that is free.
    names
        By which it may be asked for, beside those of the host itself.

    Raises
    ------
    OSError
        The port is in use.
    """

    def __init__(
        self, source: Source, host: str = HOST, port: int = PORT, names: Iterable[str] = ()
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
        listening.setblocking(False)  # noqa: FBT003 - the standard library's way
        self.port: int = listening.getsockname()[1]
        self.url = f"http://{_named(host)}:{self.port}/flows"
        template = jinja2.Environment(autoescape=False).from_string(asset("own.html"))  # noqa: S701
        made = documents(source, template)
        hosts = hosts_of({*_LOCAL, _named(host), *names}, self.port)
        self._pages = _Lean(
            {
                url: Application(FunctionHandler(partial(make, self, {})))
                for url, make in made.items()
            },
            extra_websocket_origins=sorted(hosts),
            use_index=False,
            redirect_root=False,
            absolute_url="",
        )
        home = (r"/", web.RedirectHandler, {"url": "/flows", "permanent": False})
        self._pages.add_handlers(".*", [home])
        self._pages.initialize(IOLoop.current())
        self._pages.start()
        self._http = HTTPServer(Gate(hosts, self._pages))
        self._http.add_socket(listening)

    async def close(self) -> None:
        """Let go of the port, and of whoever asks for pages."""
        self._http.stop()
        await self._http.close_all_connections()
        self._pages.stop()


def hosts_of(names: Iterable[str], port: int) -> frozenset[str]:
    """Return how browsers tell names with a port.

    Examples
    --------
    >>> sorted(hosts_of(["Localhost"], 8788)), sorted(hosts_of(["a"], 80))
    (['localhost:8788'], ['a', 'a:80'])
    """
    known = {name.lower() for name in names}
    return frozenset({f"{name}:{port}" for name in known} | (known if port == _HTTP else set()))


def _named(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def serve(
    source: Source, host: str, port: int, names: Iterable[str], tell: Callable[[str], None]
) -> None:
    """Serve the pages until this thread is interrupted.

    Parameters
    ----------
    tell
        Is called with the address of the first page, once it can be asked for.

    Raises
    ------
    OSError
        The port is in use.
    """

    async def serve_on() -> None:
        server = PagesServer(source, host, port, names)
        spare_collector()
        try:
            tell(server.url)
            await asyncio.Event().wait()
        finally:
            await server.close()

    asyncio.run(serve_on())
