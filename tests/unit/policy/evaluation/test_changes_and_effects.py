from contextlib import suppress
from itertools import product
from typing import Any

import pytest

from mailhooks.content.change import OnUnmodifiable
from mailhooks.errors import CannotChangeSafely
from mailhooks.mime.edits import splice
from mailhooks.mime.message import Message
from mailhooks.policy import Outcome
from mailhooks.policy.facts.recipients import RecipientSet
from mailhooks.policy.loading.action_builders import ACTION_BUILDERS
from mailhooks.policy.loading.condition_builders import CONDITION_BUILDERS
from mailhooks.policy.rules.rule import (
    AddDisclaimer,
    Archive,
    ChangeHeaders,
    Count,
    NoDisclaimer,
    Notify,
    StripAttachments,
    TagSubject,
)
from tests.support.files import PE
from tests.support.hostile_mail import HOSTILE
from tests.support.messages import mail as mail_of
from tests.support.messages import mixed, multipart, part, text
from tests.support.policies import HEAD, PLAIN, Mail, actions_by_recipient, evaluate, mail, make_policy
from tests.support.tables import check_rows

A, B = "a@example.com", "b@example.com"
TO_A = {"recipient": A}
TAG = {"subject_tag": "[X]"}
VALUES = {"fromname": "Ana", "fromaddress": "ana@example.net", "fromdomain": "example.net", "subject": "S", "date": "today"}
EXE = mixed(part("application/pdf", "a.exe", PE), part("image/png", "b.png", b"x" * 9000))
SIGNED = mail_of(multipart("signed", text(), part("application/pgp-signature", "s")))
BROKEN = b"From: a@example.com\r\ngarbage\r\n\r\nHello"


def both(raw: bytes = PLAIN) -> Mail:
    return mail(raw, A, B)


def outcome_of(*rules: dict[str, Any], sample: Mail | None = None, **top: Any) -> Outcome:
    return evaluate(make_policy(*rules, **top), sample or both())


def changed(raw: bytes, action: dict[str, Any], **top: Any) -> bytes:
    """Return a message after an action of a policy."""
    [wanted] = outcome_of({"do": action}, sample=both(raw), **top).changes
    return splice(raw, wanted.change.change(Message(raw), VALUES).edits)


CHANGES: dict[str, list[tuple[Any, bytes, bytes]]] = {
    "subject_tag": [
        ("[X]", PLAIN, b"Subject: [X] A subject\r\n"),
        (" [X] ", b"SUBJECT:a\r\n\r\n", b"[X] a\r\n"),
        ("[Ä]", PLAIN, b"=?utf-8?"),
        ("[X]", b"From: a@example.com\r\n\r\nHello", b"Subject: [X]\r\n"),
        ("[X]", b"Subject: a\r\ngarbage\r\n\r\nHello", b"Subject: [X] a\r\n"),
    ],
    "headers": [
        ({"set": {"X-A": "1"}}, b"X-A: 2\r\n" + PLAIN, b"X-A: 1\r\n"),
        ({"add": {"X-A": "1"}}, PLAIN, b"X-A: 1\r\n"),
        ({"set": {"X-A": "100 %% sure"}}, PLAIN, b"X-A: 100 %% sure\r\n"),
        ({"add": {"X-A": "é"}}, PLAIN, b"X-A: =?utf-8?"),
    ],
    "disclaimer": [
        ({"text": "Said by %%FromName%%."}, PLAIN, b"Hello world\r\n\r\nSaid by Ana."),
        ({"text": "Before.", "position": "prepend"}, PLAIN, b"Before.\r\n\r\nHello world"),
        ({"html": "<p>%%FromName%%</p>"}, HEAD + b"Content-Type: text/html\r\n\r\n<p>Hello</p>", b"<p>Ana</p>"),
        ({"html": "<p>Bye</p>"}, PLAIN, b"Bye"),
    ],
    "strip_attachments": [
        ({"extensions": "exe"}, EXE, b"An attachment was removed"),
        ({"true_types": "executable", "notice": "Gone: %%Name%%"}, EXE, b"Gone: a.exe"),
        ({"extensions": "list:bad"}, EXE, b"An attachment was removed"),
        ({"over_size": "4 KB"}, EXE, b"Name: b.png"),
        ({"types": ["image/*"]}, EXE, b"Name: b.png"),
    ],
}


def test_each_change_puts_its_text_into_the_message() -> None:
    def check(name: str, value: Any, raw: bytes, expected: bytes) -> None:
        result = changed(raw, {name: value}, lists={"bad": ["exe", "js"]})
        assert expected in result
        assert expected not in raw

    check_rows([(name, *row) for name, rows in CHANGES.items() for row in rows], check)


def test_fields_are_removed_and_others_stay():
    raw = b"X-A: 1\r\nX-B: 2\r\nx-a: 3\r\n" + PLAIN
    assert changed(raw, {"headers": {"remove": ["X-A"]}}) == b"X-B: 2\r\n" + PLAIN
    result = changed(raw, {"headers": {"remove": "list:fields"}}, lists={"fields": ["x-b"]})
    assert result == b"X-A: 1\r\nx-a: 3\r\n" + PLAIN
    assert changed(raw, {"headers": {"set": {"X-A": "9"}}}).lower().count(b"x-a:") == 1
    assert changed(raw, {"headers": {"add": {"X-A": "9"}}}).lower().count(b"x-a:") == 3


NOTHING_TO_CHANGE = [
    (TAG, PLAIN.replace(b"A subject", b"Re: [X] A subject")),
    ({"headers": {"remove": "X-None"}}, PLAIN),
    ({"strip_attachments": {"extensions": "doc"}}, EXE),
    ({"strip_attachments": {"extensions": "exe"}}, PLAIN),
    ({"strip_attachments": {"extensions": "exe"}}, BROKEN),
]


def test_a_change_without_anything_to_change_leaves_the_message_as_it_is() -> None:
    def check(action: dict[str, Any], raw: bytes) -> None:
        assert changed(raw, action) == raw

    check_rows(NOTHING_TO_CHANGE, check)


def test_a_message_without_a_header_gets_neither_tag_nor_field():
    def check(raw: bytes, action: dict[str, Any]) -> None:
        with pytest.raises(CannotChangeSafely):
            changed(raw, action)

    check_rows(product([b"", b"\r\nHello", BROKEN], [TAG, {"headers": {"set": {"X-A": "1"}}}]), check)


@pytest.mark.parametrize("on_unmodifiable", ["pass", "bounce"])
def test_a_signed_message_gets_no_disclaimer(on_unmodifiable: str):
    [wanted] = outcome_of({"do": {"disclaimer": {"text": "Said.", "on_unmodifiable": on_unmodifiable}}}, sample=both(SIGNED)).changes
    with pytest.raises(NoDisclaimer) as caught:
        wanted.change.change(Message(SIGNED), VALUES)
    assert not caught.value.allows_delivery


def test_a_signed_message_is_wrapped_if_the_rule_wraps():
    [wanted] = outcome_of({"do": {"disclaimer": {"text": "Said.", "on_unmodifiable": "wrap"}}}, sample=both(SIGNED)).changes
    assert isinstance(wanted.change, AddDisclaimer)
    for made_so in (wanted.change.change(Message(SIGNED), VALUES), wanted.change.wrap(Message(SIGNED), VALUES)):
        assert made_so.wraps
        content = splice(SIGNED, made_so.edits)
        assert b"Said." in content
        assert SIGNED.partition(b"\r\n\r\n")[2] in content


def test_a_message_without_text_is_delivered_without_a_disclaimer():
    raw = HEAD + b"Content-Type: image/png\r\n\r\nx"
    [wanted] = outcome_of({"do": {"disclaimer": {"text": "Said.", "on_unmodifiable": "bounce"}}}, sample=both(raw)).changes
    with pytest.raises(NoDisclaimer) as caught:
        wanted.change.change(Message(raw), VALUES)
    assert caught.value.allows_delivery


ON_UNMODIFIABLE = [
    ({"disclaimer": {"text": "x"}}, OnUnmodifiable.PASS),
    ({"disclaimer": {"text": "x", "on_unmodifiable": "wrap"}}, OnUnmodifiable.WRAP),
    ({"disclaimer": {"text": "x", "on_unmodifiable": "bounce"}}, OnUnmodifiable.BOUNCE),
    ({"strip_attachments": {"extensions": "exe"}}, OnUnmodifiable.PASS),
    ({"strip_attachments": {"extensions": "exe", "on_unmodifiable": "drop"}}, OnUnmodifiable.DROP),
    ({"strip_attachments": {"extensions": "exe", "on_unmodifiable": "bounce"}}, OnUnmodifiable.BOUNCE),
    (TAG, OnUnmodifiable.PASS),
    ({"headers": {"remove": "X"}}, OnUnmodifiable.PASS),
]


def test_each_change_has_the_on_unmodifiable_of_its_rule() -> None:
    def check(action: dict[str, Any], expected: OnUnmodifiable) -> None:
        [wanted] = outcome_of({"do": action}).changes
        assert wanted.change.on_unmodifiable is expected

    check_rows(ON_UNMODIFIABLE, check)


def test_a_hostile_message_is_changed_or_declined():
    wanted = outcome_of(*({"do": {name: rows[0][0]}} for name, rows in CHANGES.items())).changes
    assert len(wanted) == len(CHANGES)

    def check(hostile: str, raw: bytes) -> None:
        message = Message(raw)
        for each in wanted:
            with suppress(CannotChangeSafely):
                splice(raw, each.change.change(message, VALUES).edits)

    check_rows(HOSTILE.items(), check)


def test_changes_are_in_the_order_of_the_rules_and_of_their_actions():
    headers, strip = {"headers": {"remove": "X"}}, {"strip_attachments": {"extensions": "exe"}}
    outcome = outcome_of({"do": [strip, TAG]}, {"do": {"disclaimer": {"text": "x"}}}, {"do": [headers]})
    assert [type(wanted.change) for wanted in outcome.changes] == [StripAttachments, TagSubject, AddDisclaimer, ChangeHeaders]
    assert {wanted.recipients for wanted in outcome.changes} == {RecipientSet(0b11)}


MIXED = [
    ({"when": TO_A, "mixed": "all"}, [], True),
    ({"when": TO_A, "mixed": "none"}, [], False),
    ({"mixed": "none"}, [], True),
    ({"when": TO_A, "mixed": "none"}, [{"when": {"recipient": B}, "do": "drop"}], True),
    ({"when": TO_A, "mixed": "all"}, [{"when": TO_A, "do": "drop"}], False),
    ({"mixed": "none"}, [{"when": TO_A, "do": "drop"}], True),
    ({"mixed": "none"}, [{"do": "drop"}], False),
    ({"mixed": "none"}, [{"do": ["drop", {"add_recipients": "c@example.com"}]}], True),
]


def test_all_recipients_get_the_same_content() -> None:
    def check(rule: dict[str, Any], rules_before: list[dict[str, Any]], wanted: bool) -> None:
        outcome = outcome_of(*rules_before, {"name": "TagSubject", "do": TAG} | rule)
        assert [change.rule.name for change in outcome.changes] == (["TagSubject"] if wanted else [])

    check_rows(MIXED, check)


def test_a_rule_with_a_change_for_some_recipients_is_in_mixed():
    assert outcome_of({"name": "TagSubject", "when": TO_A, "do": [TAG, {"headers": {"remove": "X"}}]}).mixed == ("TagSubject",)
    assert outcome_of({"name": "TagSubject", "do": TAG}).mixed == ()
    assert outcome_of({"name": "TagSubject", "when": TO_A, "do": TAG, "mixed": "none"}).mixed == ("TagSubject",)


EFFECTS = [
    ({"archive": {"bucket": "my-bucket"}}, Archive("my-bucket", "mail/")),
    (
        {"archive": {"bucket": "my-bucket", "prefix": "", "retain_days": 7, "lock": "governance"}},
        Archive("my-bucket", "", 7, "governance"),
    ),
    ({"notify": {"sns": "arn:aws:sns:eu-west-1:123456789012:t"}}, Notify(sns="arn:aws:sns:eu-west-1:123456789012:t")),
    ({"notify": {"eventbridge": "bus", "include": "subject"}}, Notify(eventbridge="bus", include=frozenset({"subject"}))),
    (
        {"notify": {"webhook": "https://example.org/x", "secret": "s", "include": ["content", "headers"]}},
        Notify(webhook="https://example.org/x", secret="s", include=frozenset({"content", "headers"})),
    ),
    ({"notify": {"webhook": "http://localhost:80/", "secret": "s"}}, Notify(webhook="http://localhost:80/", secret="s")),
    ({"count": "Seen"}, Count("Seen")),
]


def test_a_side_effect_is_wanted_for_the_matching_recipients_and_changes_no_verdict() -> None:
    def check(action: dict[str, Any], expected: Any) -> None:
        outcome = outcome_of({"when": TO_A, "do": [action, "deliver"]}, {"when": TO_A, "do": "drop"})
        [wanted] = outcome.effects
        assert (wanted.effect, wanted.recipients, wanted.rule.name) == (expected, RecipientSet(0b01), "rule 0")
        assert outcome.changes == ()
        assert actions_by_recipient(outcome) == {"*": "DEFAULT"}

    check_rows(EFFECTS, check)


def test_every_condition_and_every_action_has_its_name():
    effects = {"archive": {"bucket": "my-bucket"}, "notify": {"eventbridge": "bus"}, "count": "Seen"}
    changes = {name: rows[0][0] for name, rows in CHANGES.items()}
    holds = {"hold": {"approvers": "ana@example.com", "timeout": "2h", "on_timeout": "bounce"}}
    outcome = outcome_of({"do": [{name: value} for name, value in (effects | changes | holds).items()]})
    assert [wanted.effect.name for wanted in outcome.effects] == [*effects]
    assert [wanted.change.name for wanted in outcome.changes] == [*changes]
    assert [wanted.hold.name for wanted in outcome.holds] == [*holds]
    verdicts = {"bounce", "add_recipients", "remove_recipients"}
    assert {*effects, *changes, *holds, *verdicts} == ACTION_BUILDERS.keys(), "an action without a table"
    assert not ACTION_BUILDERS.keys() & CONDITION_BUILDERS.keys()
