"""What all pages are made in: a document that follows what it shows, and is told what was clicked.

Reading is done in threads of its own, so that the server's loop, which may be a Dask scheduler's,
only hands over what has changed. Models are made in that loop, and never where Bokeh's validation
is off: it is for all threads at once, and what names a column becomes a colour of that name.

What was clicked in markup arrives as an *intent*: a value of an invisible model, set by the script
of the page. Colours of markup follow the ground of the page by CSS; those of figures are set when
the script tells which ground it is.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from importlib.resources import files
from typing import Any, Generic, TypeVar

import numpy as np
from bokeh.document import Document, without_document_lock
from bokeh.models import CustomJS, Div, InlineStyleSheet, Select, TextInput
from numpy.typing import NDArray

from daskflow.dashboard.markup import Html, element
from daskflow.errors import DaskflowError

Found = TypeVar("Found")
_LOOK_MS = 500  # between two looks
_log = logging.getLogger("daskflow")


@cache
def asset(name: str) -> str:
    """Return a file of this room."""
    return files("daskflow.dashboard").joinpath("assets", name).read_text(encoding="utf-8")


@cache
def _readers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, thread_name_prefix="daskflow-pages")


def markup(text: str = "", **properties: Any) -> Div:
    """Return a piece of a page that shows markup."""
    style = InlineStyleSheet(css=asset("markup.css"))
    return Div(
        text=text,
        disable_math=True,  # else two dollars in somebody's message would be a formula
        sizing_mode="stretch_width",
        stylesheets=[style],
        **properties,
    )


def show(div: Div, text: Html) -> None:
    """Let a piece show something else, unless it is the same."""
    if div.text != text:
        div.text = text


def arrays(columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return columns for a figure as arrays, which Bokeh does not look into item by item.

    An empty one may be one of texts: Bokeh takes no numbers for colours, not even none of them.
    """
    return {
        name: np.asarray(values, object if not len(values) or isinstance(values[0], str) else None)
        for name, values in columns.items()
    }


def choice(title: str, options: list[str], **properties: Any) -> Select:
    """Return a filter of which one option is chosen."""
    style = InlineStyleSheet(css=asset("field.css"))
    width = properties.pop("width", 170)
    return Select(
        title=title,
        options=options,
        value=options[0],
        width=width,
        stylesheets=[style],
        **properties,
    )


def argument(doc: Document, name: str) -> str:
    """Return what stands behind a name in the address of a document; empty: nothing."""
    context = doc.session_context
    values = context.request.arguments.get(name, []) if context and context.request else []
    return values[0].decode("utf-8", "replace") if values else ""


class Page(Generic[Found]):
    """A document that shows what is read again and again.

    Parameters
    ----------
    read
        Reads what is to be shown; called in another thread, never twice at a time.
    paint
        Shows it; called in the server's loop.
    hear
        Takes what was clicked; called in the server's loop. A look follows.
    """

    def __init__(
        self,
        doc: Document,
        read: Callable[[], Found],
        paint: Callable[[Found], None],
        hear: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._doc, self._read, self._paint, self._hear = doc, read, paint, hear
        self._is_reading = self._is_asked = False
        self.notice = markup(element("p", "Reading...", class_="empty"))
        intent = TextInput(name="daskflow-intent", visible=False)
        intent.on_change("value", self._take)
        doc.add_root(intent)
        doc.add_root(self.notice)
        doc.js_on_event("document_ready", CustomJS(code=asset("pages.js")))
        look = without_document_lock(self._look)
        doc.add_next_tick_callback(look)
        doc.add_periodic_callback(look, _LOOK_MS)

    def look_now(self) -> None:
        """Look at once, for something else is asked now."""
        self._is_asked = True
        self._doc.add_next_tick_callback(without_document_lock(self._look))

    def _take(self, _attribute: str, _old: str, new: str) -> None:
        try:
            told = json.loads(new)
        except ValueError:
            return
        if isinstance(told, dict):
            self._hear(told)
            self.look_now()

    async def _look(self) -> None:
        if self._is_reading:
            return
        self._is_reading, self._is_asked = True, False
        try:
            loop = asyncio.get_running_loop()
            show_it: Callable[[], None] = partial(
                self._show, await loop.run_in_executor(_readers(), self._read)
            )
        except DaskflowError as error:
            show_it = partial(self._tell, str(error))
        except Exception:  # noqa: BLE001 - the page lives on, and the next look may work
            _log.exception("the page could not be read")
            show_it = partial(self._tell, "This page could not be read; see the server's log.")
        finally:
            self._is_reading = False
        self._doc.add_next_tick_callback(show_it)
        if self._is_asked:
            self.look_now()

    def _show(self, found: Found) -> None:
        self.notice.visible = False
        self._paint(found)

    def _tell(self, text: str) -> None:
        show(self.notice, element("p", text, class_="empty"))
        self.notice.visible = True
