"""A part and a reference to it share a spelling: letter case, percent-encoding, folds, brackets, relative and nested locations."""

from collections.abc import Iterator

from mailhooks.mime.message import Message, Part
from mailhooks.mime.part_addresses import PartAddresses
from tests.support.tables import check_rows

ROWS: list[tuple[str, str, str, bool]] = [
    ("equal", "Content-ID: <logo@example.net>", "cid:logo@example.net", True),
    ("case", "Content-ID: <Logo@example.net>", "CID:logo@Example.NET", True),
    ("encoded reference", "Content-ID: <a b%c@x>", "cid:a%20b%25c%40x", True),
    ("encoded identity", "Content-ID: <a%40x>", "cid:a@x", True),
    ("encoded brackets", "Content-ID: <a@x>", "cid:%3Ca@x%3E", True),
    ("comment", "Content-ID: <a@x> (logo)", "cid:a@x", True),
    ("bracket without its end", "Content-ID: <a@x", "cid:a@x", True),
    ("fold", "Content-ID:\r\n <a@x>", "cid:a@\r\nx", True),
    ("another", "Content-ID: <a@x>", "cid:b@x", False),
    ("empty", "Content-ID: <>", "cid:", False),
    ("location", "Content-Location: logo.png", "logo.png", True),
    ("location in quotes", 'Content-Location: "logo.png"', "./logo.png", True),
    ("location with a space", "Content-Location: my%20logo.png", "my logo.png", True),
    ("whole location", "Content-Location: http://example.net/a/b/logo.png", "logo.png", True),
    ("location of another folder", "Content-Location: http://example.net/logo.png", "logo.png", False),
    ("location that is no URL", "Content-Location: http://[x", "http://[x", True),
    ("location that is an identity", "Content-Location: cid:a@x", "cid:a@x", True),
    ("no address", "Content-Description: x", "", False),
]


def read(*picture_fields: str, head: str = "Content-Location: http://example.net/a/") -> tuple[PartAddresses, Part, list[Part]]:
    """Return the addresses of a message whose outer multipart and inner one have a location, its HTML part and its pictures."""

    def lines() -> Iterator[str]:
        yield f"{head}\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m"
        yield "Content-Location: b/\r\nContent-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html\r\n\r\n<p>x"
        for fields in picture_fields:
            yield f"--r\r\nContent-Type: image/png\r\n{fields}\r\n\r\nx"
        yield "--r--\r\n--m--\r\n"

    message = Message("\r\n".join(lines()).encode())
    html, *pictures = (part for part in message.structure.root.walk() if part.maintype != "multipart")
    return PartAddresses(message), html, pictures


def test_a_part_and_a_reference_share_a_spelling() -> None:
    def check(_: str, fields: str, address: str, shared: bool) -> None:
        addresses, html, [picture] = read(fields)
        assert bool({*addresses.list_own(picture)} & {*addresses.resolve(html, address)}) is shared

    check_rows(ROWS, check)


def test_a_relative_location_in_a_message_without_a_base_is_found() -> None:
    addresses, html, [picture] = read("Content-Location: c/logo.png", head="X-Test: y")
    assert {*addresses.list_own(picture)} & {*addresses.resolve(html, "c/./logo.png")}


def test_an_equal_spelling_comes_before_one_in_another_case() -> None:
    addresses, html, pictures = read("Content-ID: <A@x>", "Content-ID: <a@X>")
    found = addresses.resolve(html, "cid:a@X")
    assert [found[0] in addresses.list_own(picture) for picture in pictures] == [False, True]
