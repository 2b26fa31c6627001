"""Questions that wait in the scheduler: each is told something, and nothing of it stays."""

from __future__ import annotations

import asyncio

from daskflow.executors.asking import GONE, Questions


class Desk:
    """What questions are passed on to; notes those that were taken back."""

    def __init__(self):
        self.asked = []
        self.taken_back = []

    def pass_on(self, asked):
        self.asked.append(asked)
        return lambda: self.taken_back.append(asked.number)


async def begin(questions, desk, *run_ids, seconds=60.0):
    """Ask a question in each of these runs; return the tasks that wait for the answers."""
    waiting = [
        asyncio.create_task(questions.ask(run_id, b"?", seconds, desk.pass_on))
        for run_id in run_ids
    ]
    await asyncio.sleep(0)  # lets each of them begin, and takes no time
    assert len(desk.asked) == len(run_ids)
    return waiting


def test_each_question_gets_its_own_answer():
    """By its number, in whichever order they are given; a second answer is dropped."""

    async def case():
        questions, desk = Questions(), Desk()
        first, second = await begin(questions, desk, "a", "a")
        questions.answer(desk.asked[1].number, (b"two", ""))
        questions.answer(desk.asked[0].number, (b"one", ""))
        questions.answer(desk.asked[0].number, (b"three", ""))
        assert (await first, await second) == ((b"one", ""), (b"two", ""))
        questions.answer(desk.asked[0].number, (b"late", ""))
        assert questions._waiting == {}
        assert sorted(desk.taken_back) == [one.number for one in desk.asked]

    asyncio.run(case())


def test_the_end_of_a_run_answers_its_questions_only():
    """Those of another run wait on."""

    async def case():
        questions, desk = Questions(), Desk()
        ended, other = await begin(questions, desk, "a", "b")
        questions.end("a")
        assert await ended == (b"", GONE)
        assert not other.done()
        questions.answer(desk.asked[1].number, (b"yes", ""))
        assert await other == (b"yes", "")

    asyncio.run(case())


def test_a_question_whose_time_is_over():
    """It is taken back, so that a driver that looks later does not hear of it."""

    async def case():
        questions, desk = Questions(), Desk()
        (waiting,) = await begin(questions, desk, "a", seconds=0.01)
        assert await waiting == (b"", "the driver did not answer within 0.01 s")
        assert desk.taken_back == [desk.asked[0].number]
        assert questions._waiting == {}

    asyncio.run(case())
