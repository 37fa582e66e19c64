"""The list of a message's links."""

import pytest

from mailhooks.mime.message import Message
from tests.unit.workmail_local.viewer.messages import HEADER
from workmail_local.viewer.links import LinkRow, list_links, list_remote_pictures


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
        LinkRow("Confirm", "https://example.org/confirm?a=1&b=2", False, "example.org"),
        LinkRow("Call", "tel:+49123", False),
        LinkRow("Write", "mailto:x@example.org", False, "example.org"),
        LinkRow("https://example.com", "https://example.net/x", True, "example.net", ("the text shows another domain",)),
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


@pytest.mark.parametrize(
    "address, host, warning",
    [
        ("javascript:alert(1)", "", "runs a script (javascript:)"),
        ("data:text/html,x", "", "has its content in the address (data:)"),
        ("https://example.com@evil.example.net/", "evil.example.net", "has a user name before the host"),
        ("http://0x7f.1/", "127.0.0.1", "an IP address in place of a name"),
        ("https://b\u00fccher.example/", "xn--bcher-kva.example", 'xn--bcher-kva.example, shown as "b\u00fccher.example"'),
        (
            "https://\u0440\u0430ypal.example/",
            "xn--ypal-43d9g.example",
            'xn--ypal-43d9g.example, shown as "\u0440\u0430ypal.example": foreign letters that look like Latin ones',
        ),
        ("https://www.google.com/url?q=https%3A%2F%2Fexample.net%2F", "example.net", "leads through www.google.com"),
    ],
)
def test_what_may_deceive_a_reader_is_a_warning(address: str, host: str, warning: str) -> None:
    [row] = list_links(of_html(f'<a href="{address}">Here</a>')).items
    assert (row.host, row.warnings) == (host, (warning,))


def test_usual_links_have_no_warning() -> None:
    found = list_links(
        of_html('<a href="https://www.example.org/a">example.org</a> <a href="#top">Top</a> <a href="mailto:a@example.org">M</a>')
    )
    assert [row.warnings for row in found.items] == [(), (), ()]


def test_pictures_on_other_servers_are_listed_once_and_those_a_reader_cannot_see_are_marked() -> None:
    found = list_remote_pictures(
        of_html(
            '<img src="https://cdn.example.net/a.png" alt="Logo"><img src="HTTPS://CDN.example.net:443/a.png"><img src="cid:x@y">'
            '<img src="http://t.example.net/1?u=7" width=1 height=1><img src="http://t.example.net/2" style="display: none">'
            '<noscript><img src="http://t.example.net/3" height="0"></noscript><img src="data:image/png;base64,AAAA"><img src="//x/y">'
        )
    )
    assert [(each.address.url, each.description, each.is_pixel) for each in found] == [
        ("https://cdn.example.net/a.png", "Logo", False),
        ("http://t.example.net/1?u=7", "", True),
        ("http://t.example.net/2", "", True),
        ("http://t.example.net/3", "", True),
    ]
