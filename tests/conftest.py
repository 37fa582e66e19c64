"""Profiles of Hypothesis: 50 examples a property by default; `make fuzz` sets FUZZ_EXAMPLES. Garbage collection in tests."""

import gc
import os

import hypothesis

_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))

hypothesis.settings.register_profile("quick", max_examples=50, deadline=None, derandomize=True)
hypothesis.settings.register_profile("fuzz", max_examples=_EXAMPLES or 1, deadline=None, database=None)
hypothesis.settings.load_profile("fuzz" if _EXAMPLES else "quick")

# While modules are imported there is little garbage, and to look for it costs 30 % of the time.
gc.disable()


def pytest_collection_finish() -> None:
    """Collect garbage from now on, but not in the modules of all tests: to scan them again and again costs 5 % of a run."""
    gc.enable()
    gc.collect()
    gc.freeze()
