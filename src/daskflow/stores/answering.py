"""What a run's task runs ask of its store, and how the store answers."""

from __future__ import annotations

from typing import Any

from daskflow.questions import Answerer, CacheLookup, CacheWrite, Question, answer_nothing
from daskflow.stores.history import RunStore
from daskflow.timing import now


def answers_of(store: RunStore) -> Answerer:
    """Return what answers the questions of a run out of a store."""

    def answer(question: Question[Any]) -> Any:
        match question:
            case CacheLookup(key):
                return store.cache.get(key, now())
            case CacheWrite():
                return store.cache.put(question.entry(now()))
        return answer_nothing(question)

    return answer
