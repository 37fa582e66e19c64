"""Profiles of Hypothesis: 50 examples a property by default; `make fuzz` sets FUZZ_EXAMPLES."""

import os

import hypothesis

_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))

hypothesis.settings.register_profile("quick", max_examples=50, deadline=None, derandomize=True)
hypothesis.settings.register_profile("fuzz", max_examples=_EXAMPLES or 1, deadline=None, database=None)
hypothesis.settings.load_profile("fuzz" if _EXAMPLES else "quick")
