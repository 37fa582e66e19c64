"""Facts of messages: dates, flags, identity, and files that are no messages."""

from datetime import UTC, datetime, timedelta

import pytest

from workmail_local.imap_import.message import digest_message_id, find_problem, parse_message

ZIP_DATE = (2024, 2, 29, 1, 2, 3)


def parse(header: str, name: str = "1.eml"):
    return parse_message(f"{header}\r\n\r\nHello\r\n".encode("latin-1"), name, ZIP_DATE)


@pytest.mark.parametrize(
    "header, expected",
    [
        ("Received: by a; Tue, 3 Nov 2026 10:00:00 -0500\r\nReceived: by b; Mon, 2 Nov 2026 10:00:00 +0000", "2026-11-03T10:00:00-05:00"),
        ("Received: by a; Tue, 3 Nov\r\n 2026 10:00:00 -0500 (EST)\r\nDate: Mon, 2 Nov 2026 10:00:00 +0000", "2026-11-03T10:00:00-05:00"),
        ("Date: Mon, 2 Nov 2026 10:00:00 -0000", "2026-11-02T10:00:00+00:00"),
        ("Date: 2 Nov 26 10:00 EST", "2026-11-02T10:00:00-05:00"),
        ("Received: by a\r\nDate: Mon, 2 Nov 2026 10:00:00 +0530", "2026-11-02T10:00:00+05:30"),
        ("Received: by a; Tue, 3 Nov 2099 10:00:00 +0000\r\nDate: Mon, 2 Nov 2026 10:00:00 +0000", "2026-11-02T10:00:00+00:00"),
        ("Date: Thu, 1 Jan 1601 00:00:00 +0000", "2024-02-29T01:02:03+00:00"),
        ("Date: Mon, 2 Nov 2026 10:00:00 +9999", "2024-02-29T01:02:03+00:00"),
        ("Date: yesterday", "2024-02-29T01:02:03+00:00"),
        ("Subject: none", "2024-02-29T01:02:03+00:00"),
    ],
)
def test_the_date_is_that_of_the_topmost_received_field_or_of_date(header: str, expected: str) -> None:
    assert parse(header).date.isoformat() == expected


def test_a_zip_file_without_a_date_has_one_nevertheless() -> None:
    found = parse_message(b"a: b\r\n\r\n", "1", (1980, 0, 0, 0, 0, 0))
    assert timedelta() < datetime.now(UTC) - found.date


@pytest.mark.parametrize(
    "header, name, flags, has_status",
    [
        ("Subject: x", "1.eml", "", False),
        ("Status: RO", "1.eml", "\\Seen", True),
        ("Status: O\r\nX-Status: AFTD", "1.eml", "\\Answered \\Flagged \\Draft", True),
        ("X-Mozilla-Status: 0007", "1.eml", "\\Seen \\Answered \\Flagged", True),
        ("X-Mozilla-Status: 0008", "1.eml", "", True),
        ("X-Mozilla-Status: zz", "1.eml", "", False),
        ("Subject: x", "123.host:2,FRSTa", "\\Flagged \\Answered \\Seen", True),
        ("Subject: x", "123.host;2,", "", True),
        ("Subject: x", "123_2,D.eml", "\\Draft", True),
        ("X-Unsent: 1", "1.eml", "\\Draft", False),
        ("X-Keywords: work $Label1 (bad) \\Deleted a*b", "1.eml", "work $Label1", False),
        ("X-Mozilla-Keys: $label2", "1.eml", "$label2", False),
    ],
)
def test_flags_are_read_in_each_form(header: str, name: str, flags: str, has_status: bool) -> None:
    found = parse(header, name)
    assert (found.flags, found.has_status) == (frozenset(flags.split()), has_status)


def test_a_message_keeps_its_bytes_but_for_bare_line_feeds() -> None:
    raw = b"Subject: \x80\r\n\r\na\rb\nc\r\n\r\r\nd"
    found = parse_message(raw, "1", ZIP_DATE)
    assert found.content == b"Subject: \x80\r\n\r\na\rb\r\nc\r\n\r\r\nd"
    assert (found.changed, found.size) == (1, len(raw) + 1)
    again = parse_message(found.content, "1", ZIP_DATE)
    assert (again.content, again.changed, again.digest) == (found.content, 0, found.digest)


def test_a_folded_message_id_is_the_same() -> None:
    assert digest_message_id(b"Message-ID:\r\n <a@b>\r\n\r\n") == parse("message-id: <a@b>").message_id != ""
    assert parse("Subject: none").message_id == ""


@pytest.mark.parametrize(
    "content, name, words",
    [
        (b"", "1.eml", "empty"),
        (b"BEGIN:VCALENDAR\r\n", "1.ics", "a calendar file"),
        (b"\x89PNG\r\n", "1.png", "not a message"),
        (b"{}", "manifest.json", "not a message"),
        (b"a: b\r\n\r\n\0", "1.eml", "NUL"),
        (b"\r\nno header", "1.eml", ""),
        (b"Subject: x\r\n\r\n", "without-extension", ""),
        (b"From ana Mon Nov  2 10:00:00 2026\nSubject: x\n\n", "1", ""),
        (b"\xef\xbb\xbfSubject: x\r\n\r\n", "1.mime", ""),
    ],
)
def test_files_that_are_no_messages_are_recognized(content: bytes, name: str, words: str) -> None:
    problem = find_problem(content, name)
    assert words in problem
    assert bool(words) == bool(problem)
