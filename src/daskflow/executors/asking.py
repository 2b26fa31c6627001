"""The questions of shims that wait for a driver's answer. Lives in the tracker, on its event loop.

It passes bytes on and keeps nothing longer than somebody waits: the answer comes, or the time is
over, or the run ends. So whoever asks is always told something.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count

from daskflow.executors.wire import Answered, Asked

GONE = "the run has ended, or whoever drove it is gone"


class Questions:
    """The questions that wait, by the numbers under which they were passed on."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._waiting: dict[int, tuple[str, asyncio.Future[Answered]]] = {}

    async def ask(
        self,
        run_id: str,
        data: bytes,
        seconds: float,
        pass_on: Callable[[Asked], Callable[[], None]],
    ) -> Answered:
        """Pass a question on and return its answer, or why there is none.

        Parameters
        ----------
        pass_on
            Passes a question on to the driver; returns what takes it back if it was not read yet.
        """
        number = next(self._numbers)
        answer: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._waiting[number] = run_id, answer
        take_back = pass_on(Asked(run_id, number, data))
        try:
            return await asyncio.wait_for(answer, seconds)
        except TimeoutError:
            return b"", f"the driver did not answer within {seconds:g} s"
        finally:
            del self._waiting[number]
            take_back()

    def answer(self, number: int, answered: Answered) -> None:
        """Give whoever waits the answer; where nobody waits any more, drop it."""
        _, answer = self._waiting.get(number, ("", None))
        if answer is not None and not answer.done():
            answer.set_result(answered)

    def end(self, run_id: str) -> None:
        """Tell all that wait for answers in a run that there will be none."""
        for number, (other, _) in list(self._waiting.items()):
            if other == run_id:
                self.answer(number, (b"", GONE))
