"""One text in the forms in which conditions search it."""

from functools import cached_property

from mailhooks.policy.facts.text_normalization import compose, normalize


class SearchedText:
    """A text with its forms, each computed at its first use."""

    def __init__(self, text: str) -> None:
        self.composed = compose(text)
        """For expressions."""

    @cached_property
    def normalized(self) -> str:
        """For words."""
        return normalize(self.composed)

    @cached_property
    def skeletons(self) -> frozenset[str]:
        """For words regardless of letters that look alike, as `look_alikes.list_skeletons`."""
        from mailhooks.policy.facts.look_alikes import list_skeletons  # Late: most policies do not need its table.

        return list_skeletons(self.composed)
