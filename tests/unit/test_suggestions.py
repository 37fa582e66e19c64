"""The known word that is most like a mistyped one."""

from hypothesis import given
from hypothesis import strategies as st

from mailhooks.suggestions import suggest
from tests.support.tables import check_rows

VERBS = ["run", "send", "serve", "Check", "auto_reply"]


def test_the_most_similar_word_is_suggested() -> None:
    def check(word: str, expected: str) -> None:
        assert suggest(word, VERBS) == (f"; did you mean {expected}?" if expected else "")

    check_rows(
        [("sevre", "serve"), ("SERVE", "serve"), ("check", "Check"), ("sends", "send"), ("auto-reply", "auto_reply"), ("x", ""), ("", "")],
        check,
    )


def test_no_word_is_suggested_without_known_words() -> None:
    assert suggest("serve", []) == ""


def test_a_higher_likeness_suggests_less() -> None:
    assert suggest("sevre", VERBS, likeness=0.9) == ""


@given(st.text(max_size=20), st.lists(st.text(min_size=1, max_size=12), max_size=8))
def test_a_suggestion_is_a_known_word(word: str, known: list[str]) -> None:
    assert suggest(word, known) in ["", *(f"; did you mean {each}?" for each in known)]
