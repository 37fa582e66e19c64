"""The list of a message's links."""

from mailhooks.mime.message import Message
from tests.unit.workmail_local.viewer.messages import HEADER
from workmail_local.viewer.links import LinkRow, list_links


def of_html(html: str) -> Message:
    return Message(HEADER + f"Content-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n".encode())


def test_addresses_of_links_are_listed_as_they_are_written() -> None:
    found = list_links(
        of_html(
            '<a href="https://example.org/confirm?a=1&amp;b=2">Confirm</a> <a href="tel:+49123">Call</a> <a href="mailto:x@example.org">'
            '<img alt="Write"></a> <a href="https://example.net/x">https://example.com</a> <a href="https://example.org/confirm?a=1&amp;b=2">'
            'Confirm</a> <a name="x">no link</a>'
        )
    )
    assert found.notes == ()
    assert list(found.items) == [
        LinkRow("Confirm", "https://example.org/confirm?a=1&b=2", False),
        LinkRow("Call", "tel:+49123", False),
        LinkRow("Write", "mailto:x@example.org", False),
        LinkRow("https://example.com", "https://example.net/x", True),
    ]


def test_the_same_address_in_the_plain_text_is_listed_once() -> None:
    raw = HEADER + (
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nhttps://example.org/a and https://example.org/b\r\n--b\r\n"
        b'Content-Type: text/html\r\n\r\n<a href="https://example.org/a">A</a>\r\n--b--\r\n'
    )
    assert [row[:2] for row in list_links(Message(raw)).items] == [("", "https://example.org/b"), ("A", "https://example.org/a")]


def test_many_and_long_links_are_cut_with_a_note() -> None:
    links = "".join(f"<a href=https://example.org/{number}{'x' * 3000}>L</a>" for number in range(2))
    links += "".join(f"<a href=https://example.org/n{number}>L</a>" for number in range(600))
    found = list_links(of_html(links))
    assert len(found.items) == 500
    assert max(len(row.address) for row in found.items) == 2000
    assert found.notes == ("500 of 602 links shown", "2,000 of 3,021 characters of the longest address shown")
