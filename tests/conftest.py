"""Hypothesis: a quick run by default; `make fuzz` sets FUZZ_EXAMPLES."""

import os

import hypothesis

_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))

hypothesis.settings.register_profile("quick", max_examples=200, deadline=None, derandomize=True)
hypothesis.settings.register_profile("fuzz", max_examples=_EXAMPLES or 1, deadline=None, database=None)
hypothesis.settings.load_profile("fuzz" if _EXAMPLES else "quick")
