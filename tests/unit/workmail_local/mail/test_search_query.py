"""The language of the search."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workmail_local.errors import InvalidSearch
from workmail_local.mail.search_query import ALL, ATTACHMENT, FLAGS, HELP, Condition, Kind, SearchQuery, fold_text


def parse(text: str) -> list[tuple[object, ...]]:
    return [(str(each.kind), each.value) + (("not",) if each.negated else ()) for each in SearchQuery.parse(text).conditions]


@pytest.mark.parametrize(
    "text, conditions",
    [
        ("", []),
        ("   ", []),
        ("offer", [("text", "offer")]),
        ("two words", [("text", "two"), ("text", "words")]),
        ('"two   Words" more', [("text", "two words"), ("text", "more")]),
        ('"an open end', [("text", "an open end")]),
        ("-spam -from:nora", [("text", "spam", "not"), ("from", "nora", "not")]),
        ('-"two words"', [("text", "two words", "not")]),
        ("FROM:Nora To:ana@example.com", [("from", "nora"), ("to", "ana@example.com")]),
        ('subject:"an offer" rule:Tag', [("subject", "an offer"), ("rule", "tag")]),
        ("has:attachment HAS:attachments is:Changed", [("is", ATTACHMENT), ("is", "changed")]),
        ("larger:10K larger:2mb larger:7", [("larger", 10240), ("larger", 2 * 1024 * 1024), ("larger", 7)]),
        # What is no operator is text.
        ("re:offer http://example.com/x", [("text", "re:offer"), ("text", "http://example.com/x")]),
        ("from: nora", [("text", "from:"), ("text", "nora")]),
        ('from:"" "" -', [("text", "-")]),
        ("a-b - --x 12:30", [("text", "a-b"), ("text", "-"), ("text", "-x", "not"), ("text", "12:30")]),
        ('say"hi" there', [("text", 'say"hi"'), ("text", "there")]),
        ("offer offer", [("text", "offer")]),
    ],
)
def test_words_phrases_and_operators(text: str, conditions: list[tuple[object, ...]]) -> None:
    assert parse(text) == conditions


@pytest.mark.parametrize(
    "text", ["is:chnged", "has:wings", "before:soon", "after:2026-13-01", "larger:big", "larger:", "after:9999999-01-01"]
)
def test_an_operator_without_this_value_is_text_and_is_named(text: str) -> None:
    query = SearchQuery.parse(f"{text} offer")
    assert [each.value for each in query.conditions] == [text, "offer"]
    assert query.as_text == ((text,) if not text.endswith(":") else ())


@pytest.mark.parametrize("text", [*(example for example, _ in HELP), '"re:offer"', 'subject:"a: b"', 'say"hi"', "-spam -is:junk"])
def test_a_clear_search_is_one_to_delete_by(text: str) -> None:
    assert SearchQuery.parse_clear(text) == SearchQuery.parse(text)


@pytest.mark.parametrize(
    "part",
    ['from:""', '""', "from:", "-is:chnged", "sender:nora", "re:offer", "http://example.com/x", "12:30", 'to:" "', '"an open end', '"'],
)
def test_a_part_that_may_mean_something_else_is_none_to_delete_by(part: str) -> None:
    for text in (part, f"offer {part}"):
        assert SearchQuery.parse(text).unclear == (part,)
        with pytest.raises(InvalidSearch, match="may mean something else"):
            SearchQuery.parse_clear(text)


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_search_is_none_to_delete_by(text: str) -> None:
    with pytest.raises(InvalidSearch, match="the search is empty"):
        SearchQuery.parse_clear(text)


def test_days_begin_in_the_zone_of_this_machine() -> None:
    [after, before] = SearchQuery.parse("after:2026-11-29 before:2026-11-30T12:00").conditions
    assert after == Condition(Kind.AFTER, datetime(2026, 11, 29).timestamp())
    assert before == Condition(Kind.BEFORE, datetime(2026, 11, 30, 12).timestamp())


@pytest.mark.parametrize(
    "text, folded",
    [
        ("Straße CAFÉ Ångström", "strasse cafe angstrom"),
        ("ΣΊΣΥΦΟΣ Ёлка", "σισυφοσ елка"),
        ("İstanbul", "istanbul"),
        ("が は", "が は"),
        ("\uff57\uff49\uff44\uff45 \uff11\uff12", "wide 12"),
        ("한국어", "한국어"),
        ("مَرْحَبًا", "مرحبا"),
        ("שָׁלוֹם", "שלום"),
        ("\u0131\u015f\u0131k Đà Łódź Ørsted", "isik da lodz orsted"),
        ("हिन्दी", "हिन्दी"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("a\r\n\t b\0c", "a b c"),
        ("\ud83d", "?"),
    ],
)
def test_case_accents_and_spaces_do_not_matter(text: str, folded: str) -> None:
    assert fold_text(text) == folded


@given(st.text())
def test_folding_is_stable(text: str) -> None:
    folded = fold_text(text)
    assert folded == fold_text(text.upper()) or text.casefold() != text.upper().casefold()
    assert folded == folded.strip()
    assert "\0" not in folded


@given(st.text(max_size=300))
def test_any_text_is_a_query(text: str) -> None:
    query = SearchQuery.parse(text)
    for condition in query.conditions:
        assert condition.value != ""
        assert condition.kind is not Kind.IS or condition.value in {*FLAGS, ATTACHMENT}


_WORDS = st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8), min_size=1, max_size=4)


@given(_WORDS)
def test_every_word_becomes_a_condition_and_a_phrase_becomes_one(words: list[str]) -> None:
    assert [each.value for each in SearchQuery.parse(" ".join(words)).conditions] == list(dict.fromkeys(map(fold_text, words)))
    assert [each.value for each in SearchQuery.parse(f'"{" ".join(words)}"').conditions] == [fold_text(" ".join(words))]
    assert all(each.negated for each in SearchQuery.parse(" ".join(f"-{word}" for word in words)).conditions)


def test_each_example_of_the_help_is_an_operator() -> None:
    kinds = {condition.kind for example, _ in HELP for condition in SearchQuery.parse(example).conditions}
    assert kinds == {*Kind} - {Kind.BEFORE}  # the help names it with `after:`
    assert not [example for example, _ in HELP if SearchQuery.parse(example).as_text]


def test_a_query_is_narrowed_by_values_as_they_are() -> None:
    query = SearchQuery.parse("offer").narrow(mail_from='"Nora" -x', to="", subject="is:changed", since=3)
    assert query.conditions == (Condition(Kind.TEXT, "offer"), Condition(Kind.FROM, '"nora" -x'), Condition(Kind.SUBJECT, "is:changed"))
    assert query.since == 3
    assert ALL.narrow() == ALL
