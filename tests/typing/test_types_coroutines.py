"""The types of tasks that are coroutine functions, as a type checker sees them."""

import logging
from typing import Any, assert_type

from daskflow import LocalExecutor, Task, context, flow, get_run_logger, task
from daskflow.logs import RunLogger


@task
async def fetch(url: str, /) -> bytes:
    return url.encode()


@task(retries=2, log_prints=True)
async def count(page: bytes, letter: str = "a") -> int:
    return page.decode().count(letter)


@task(retries=2)
def plain(number: int) -> int:
    return number


def test_a_coroutine_function_gives_what_is_awaited() -> None:
    """Inside a flow a call gives the value, which other tasks take."""
    assert_type(fetch, Task[[str], bytes])

    @flow(executor=LocalExecutor(), log_prints=False)
    def letters(urls: list[str]) -> list[int]:
        assert_type(fetch("a"), bytes)
        pages = fetch.map(urls)
        assert_type(pages, list[bytes])
        assert_type(count(pages[0]), int)
        assert_type(count.with_options(retries=1)(pages[0], letter="b"), int)
        assert_type(plain(count(pages[0])), int)
        return count.map(pages)

    assert_type(letters(["aa", "b"]), list[int])


def test_a_task_of_any_function() -> None:
    """What returns nothing certain stays so."""

    def anything(x: Any) -> Any:
        return x

    assert_type(task(anything)(1), Any)


def test_a_run_logger_is_a_logger() -> None:
    """It is an adapter of the standard library's."""
    logger = get_run_logger()
    assert_type(logger, RunLogger)
    adapter: logging.LoggerAdapter[logging.Logger] = logger
    assert adapter.isEnabledFor(logging.CRITICAL)
    assert context.get() is None
