"""A search for a flow that shows a fault: hypothesis draws the bytes, and shrinks them."""

from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st

from tests.properties.drawing import BYTES, drawn


def search(number, examples, check, draw=drawn):
    """Check so many flows, the same each time for a number."""

    @seed(number)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,  # two busy cores
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
    )
    @given(st.binary(min_size=BYTES, max_size=BYTES))
    def look(data):
        flow = draw(data)
        note(str(flow))
        check(flow)

    look()
