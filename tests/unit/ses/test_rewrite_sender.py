"""The header of a message that SES sends on: From of the organization's own, Reply-To, and each other octet as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.errors import SettingsError
from mailhooks.mime.headers import scan
from mailhooks.ses.send_raw import ForwardingAddresses, rewrite_sender

OWN = "forward@example.com"
REST = b"To: bo@example.com\r\nSubject: Hi \xff\r\n\t there\r\nX-Odd:\r\n\r\nbody \0\n.\r\n"


def rewrite(header: bytes, rest: bytes = REST) -> bytes:
    return rewrite_sender(header + rest, OWN)


@pytest.mark.parametrize(
    "author, phrase",
    [
        (b"Ana Silva <ana@example.net>", b"Ana Silva"),
        (b'"Silva, Ana" <ana@example.net>', b'"Silva, Ana"'),
        (b'"A \\"B\\" C" <ana@example.net>', b'"A \\"B\\" C"'),
        (b"=?utf-8?q?J=C3=B6rg?= <j@example.net>", b"=?utf-8?q?J=C3=B6rg?="),
        (b"J\xc3\xb6rg <j@example.net>", b'"J\xc3\xb6rg"'),
        (b"J\xf6rg <j@example.net>", b'"J\xf6rg"'),
        (b"\xc3\x85sa Jos\xc3\xa0 <j@example.net>", b'"\xc3\x85sa Jos\xc3\xa0"'),
        (b"A\rB\0C <j@example.net>", b"A B C"),
        (b"Ana\r\n  Silva\r\n <ana@example.net>", b"Ana Silva"),
        (b"Ana <ana@example.net>, Bo <bo@example.net>", b"Ana"),
        (b"ana@example.net", b'"ana at example.net"'),
    ],
)
def test_the_display_name_stays_and_the_author_gets_the_replies(author: bytes, phrase: bytes) -> None:
    changed = rewrite(b"From: " + author + b"\r\n")

    assert changed == b"From: " + phrase + b" <forward@example.com>\r\nReply-To: " + author + b"\r\n" + REST


def test_a_reply_to_of_the_author_stays() -> None:
    assert rewrite(b"From: ana@example.net\r\nReply-To: team@example.net\r\n") == (
        b'From: "ana at example.net" <forward@example.com>\r\nReply-To: team@example.net\r\n' + REST
    )


def test_fields_that_ses_rejects_or_obeys_are_removed() -> None:
    removed = (
        b"Return-Path: <ana@example.net>\r\nDKIM-Signature: v=1;\r\n b=x\r\nDKIM-Signature: v=1\r\nSender: bo@example.net\r\n"
        b"Delivered-To: a@example.com\r\nX-SES-CONFIGURATION-SET: theirs\r\nx-ses-source-arn: arn\r\n"
    )

    assert (
        rewrite(removed + b"From: Ana <ana@example.net>\r\n")
        == b"From: Ana <forward@example.com>\r\nReply-To: Ana <ana@example.net>\r\n" + REST
    )


@pytest.mark.parametrize("author", [b"", b"undisclosed:;"])
def test_a_from_without_an_address_makes_no_reply_to(author: bytes) -> None:
    changed = rewrite(b"From: " + author + b"\r\n")

    assert b"Reply-To" not in changed
    assert changed.startswith(b"From: ")
    assert changed.endswith(b"<forward@example.com>\r\n" + REST)


def test_of_several_from_fields_one_stays() -> None:
    changed = rewrite(b"From: Ana <ana@example.net>\r\nFrom: Eve <eve@example.org>\r\n")

    assert changed == b"From: Ana <forward@example.com>\r\nReply-To: Ana <ana@example.net>\r\n" + REST


def test_a_message_without_an_author_gets_a_from() -> None:
    assert rewrite(b"") == REST.replace(b"\r\n\r\n", b"\r\nFrom: <forward@example.com>\r\n\r\n")


def test_line_ends_are_those_of_the_message() -> None:
    assert rewrite_sender(b"From: a@example.net\nTo: b@example.com\n\nHi\n", OWN) == (
        b'From: "a at example.net" <forward@example.com>\nReply-To: a@example.net\nTo: b@example.com\n\nHi\n'
    )


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_every_message_has_one_from_afterwards_and_its_body(author: bytes, body: bytes) -> None:
    author = author.replace(b"\r", b"").replace(b"\n", b"")
    changed = rewrite_sender(b"From: " + author + b"\r\nTo: bo@example.com\r\n\r\n" + body, OWN)
    [field] = scan(changed).named("from")

    assert field.value(changed).endswith(b"<forward@example.com>")
    assert changed.endswith(b"\r\nTo: bo@example.com\r\n\r\n" + body)


class TestForwardingAddresses:
    PAIRS = ForwardingAddresses(
        "*@example.com=*@example.net, Ana@example.com=ana@example.org,ana@example.com=b@example.org, *@example.org=all@example.net",
        {"example.com", "sub.example.com"},
    )

    @pytest.mark.parametrize(
        "recipient, targets",
        [
            ("bo@example.com", ("bo@example.net",)),
            ("BO@Example.COM", ("BO@example.net",)),
            ("ANA@example.com", ("ana@example.org", "b@example.org")),
            ("bo@example.org", ("all@example.net",)),
            ("bo@sub.example.com", ()),
            ("bo", ()),
            ("Bo@example.net", ("Bo@example.net",)),
        ],
    )
    def test_a_recipients_own_pairs_come_before_those_of_the_domain(self, recipient: str, targets: tuple[str, ...]) -> None:
        assert self.PAIRS.find(recipient) == targets

    def test_without_pairs_there_is_no_address(self) -> None:
        assert ForwardingAddresses("", {"example.com"}).find("a@example.com") == ()

    def test_a_target_whose_mail_would_come_back_is_refused(self) -> None:
        with pytest.raises(SettingsError, match="FORWARD_TO"):
            ForwardingAddresses("*@example.com=*@Example.org", {"example.com", "example.org"})
