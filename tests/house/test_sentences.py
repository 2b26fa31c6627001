"""The table of sentences is true: each has what proves it, and every test that it names exists."""

import pytest

from tests.house.reading import ROOT, functions
from tests.semantics.sentences import LATER, SENTENCES

MAPPING = 4
EXAMPLES = 8


def existing_tests(folder):
    """Find the names of all test functions below a folder."""
    return {place.node.name for place in functions(folder) if place.node.name.startswith("test_")}


def faults(sentences, tests):
    """Find sentences without a proof, and proofs that are neither a test nor named work."""
    found = []
    for section, entries in sentences.items():
        for words, *proofs in entries:
            if not proofs:
                found.append(f"section {section}: nothing proves: {words}")
            unknown = [proof for proof in proofs if proof not in tests and proof not in LATER]
            found += [f"section {section}: no test is called {name}: {words}" for name in unknown]
            if section == MAPPING and not tests & {*proofs}:
                found.append(f"section {section}: no test proves: {words}")
    return found


def test_each_sentence_has_its_proof(figure):
    """No sentence is left blank, and every test named beside one exists."""
    tests = existing_tests(ROOT / "tests")
    entries = [entry for section in SENTENCES.values() for entry in section]
    proved = sum(any(proof in tests for proof in proofs) for _, *proofs in entries)
    figure(f"sentences of what the engine means: {proved} of {len(entries)} have tests by now")
    assert faults(SENTENCES, tests) == []


def test_the_sections_and_examples_are_complete():
    """Eight sections, no sentence twice, and each numbered example once and in order."""
    assert list(SENTENCES) == list(range(1, 9))
    for entries in SENTENCES.values():
        words = [words for words, *_ in entries]
        assert len(words) == len(set(words))
    assert [int(words.split()[0]) for words, *_ in SENTENCES[EXAMPLES]] == list(range(1, 38))


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (("blank",), "nothing proves: blank"),
        (("misnamed", "test_of_nothing"), "no test is called test_of_nothing: misnamed"),
        (("vague", "some day"), "no test is called some day: vague"),
        (("late", "claims"), "no test proves: late"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_fault_in_the_table_is_seen(entry, told):
    """A blank sentence, a test that is not there, work without a name, a map without a test."""
    good = ("proved", "test_a")
    assert faults({MAPPING: (good,), 1: (("to come", "claims"),)}, {"test_a"}) == []
    assert any(told in fault for fault in faults({MAPPING: (good, entry)}, {"test_a"}))
