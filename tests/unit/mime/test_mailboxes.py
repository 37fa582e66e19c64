import doctest

import pytest

from mailhooks.mime import mailboxes
from mailhooks.mime.mailboxes import find_mailboxes, parse_mailboxes
from mailhooks.mime.message import Message
from tests.support.tables import check_rows

ANA = ("ana@example.com",)
MAILBOXES: list[tuple[bytes, list[tuple[tuple[str, ...], tuple[str, ...]]]]] = [
    (b"Ana Silva <ana@example.com>", [(("Ana Silva",), ANA)]),
    (b'"Ana Silva" <ana@example.com>', [(("Ana Silva",), ANA)]),
    (rb'"Ana \"The Boss\" Silva" <ana@example.com>', [(('Ana "The Boss" Silva',), ANA)]),
    (b'"Ana" Silva <ana@example.com>', [(("Ana Silva",), ANA)]),
    (b"=?utf-8?q?Ana_Silva?= <ana@example.com>", [(("Ana Silva",), ANA)]),
    (b"=?utf-8?b?QW5h?= =?iso-8859-1?q?_Silva?= <ana@example.com>", [(("Ana Silva",), ANA)]),
    (b'"=?utf-8?q?Ana_Silva?=" <ana@example.com>', [(("Ana Silva",), ANA)]),
    (b"=?utf-8?q?Silva,_Ana_(CEO)?= <ana@example.com>", [(("Silva, Ana (CEO)",), ANA)]),
    ("Jörg <ana@example.com>".encode(), [(("Jörg",), ANA)]),
    ("Jörg <ana@example.com>".encode("latin-1"), [(("Jörg",), ANA)]),
    (b"Silva, Ana <ana@example.com>", [(("Silva",), ()), (("Ana", "Silva, Ana"), ANA)]),
    (b"ana@example.com (Ana Silva)", [(("Ana Silva",), ANA)]),
    (b"ana@example.com (Ana (CEO))", [(("Ana (CEO)",), ANA)]),
    (b"Ana <ana@example.com> (Silva)", [(("Ana", "Silva"), ANA)]),
    (b"ana@example.com", [((), ANA)]),
    (b"<ana@example.com>", [((), ANA)]),
    (b"Ana Silva", [(("Ana Silva",), ())]),
    (b"Ana Silva ana@example.com", [(("Ana Silva ana@example.com",), ANA)]),
    (b'"boss@example.org" <ana@example.com>', [(("boss@example.org",), ANA)]),
    (b"boss@example.org <ana@example.com>", [(("boss@example.org",), ANA)]),
    (b"Team: Ana <ana@example.com>, bo@example.org;", [(("Ana", "Team"), ANA), ((), ("bo@example.org",))]),
    (b"Ana <@relay.example:ana@example.com>", [(("Ana",), ANA)]),
    (b'"never closed <ana@example.com>', [(('"never closed',), ANA)]),
    (b"(never closed <ana@example.com>", [(("never closed",), ANA)]),
    (b"A = B <ana@example.com>", [(("A = B",), ANA)]),
    (b"", []),
    (b" , ;, ", []),
]


def test_a_mailbox_has_the_names_that_programs_show() -> None:
    def check(value: bytes, expected: list[tuple[tuple[str, ...], tuple[str, ...]]]) -> None:
        assert [(each.names, each.addresses) for each in parse_mailboxes(value)] == expected

    check_rows(MAILBOXES, check)


def test_all_fields_are_read_and_a_fold_is_one_space() -> None:
    message = Message(b"From: Ana\r\n  Silva <ana@example.com>\r\nFrom: Bo <bo@example.org>\r\nTo: x@example.org\r\n\r\n")
    assert [each.names for each in find_mailboxes(message, "from")] == [("Ana Silva",), ("Bo",)]


def test_hostile_fields_are_bounded() -> None:
    for piece in (b"(", b'"', b"<", b"a,", b"=?utf-8?q?", b"(a", b"\\", b":", b"a@b,"):
        assert len(find_mailboxes(Message(b"From: " + piece * 50_000 + b"\r\n\r\n"), "from")) <= 2000


def test_the_examples_are_correct() -> None:
    assert doctest.testmod(mailboxes).failed == 0


@pytest.mark.parametrize("codec", ["utf-8", "koi8-r"])
def test_raw_names_are_read_in_utf8_or_in_the_charset_of_the_text(codec: str):
    head = "From: Анна <анна@пример.example>, ".encode() + "Жанна <nora@example.net>".encode(codec)
    message = Message(head + b"\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\nx")
    ours = [(mailbox.names, mailbox.addresses) for mailbox in find_mailboxes(message, "from")]
    assert ours[0][1] == ("анна@пример.example",)
    assert ours[1] == (("Жанна",), ("nora@example.net",))
    latin = Message("From: Jörg <jörg@example.net>\r\n\r\n".encode("latin-1"))
    assert [(mailbox.names, mailbox.addresses) for mailbox in find_mailboxes(latin, "from")] == [(("Jörg",), ("jörg@example.net",))]
