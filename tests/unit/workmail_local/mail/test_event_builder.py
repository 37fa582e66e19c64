import pytest

from mailhooks.contract import FlowDirection, check_event
from tests.support.mail import CORPUS
from workmail_local.errors import NoEnvelope
from workmail_local.mail.event_builder import EnvelopeOverrides, HeaderSummary, event_for, with_crlf

DOMAINS = {"example.com"}
INBOUND = (
    b"From: Joerg <joerg@example.net>\r\nTo: Ana <ana@example.com>, clara@example.org\r\nCc: ANA@example.com, ben@example.com\r\n"
    b"Subject: =?utf-8?Q?=C3=9Cber?=\r\n =?utf-8?Q?sicht?= plain\r\n\r\nHello\r\n"
)


def recipients(event: dict[str, dict[str, list[dict[str, str]]]]) -> list[str]:
    return [recipient["address"] for recipient in event["envelope"]["recipients"]]


def test_the_envelope_comes_from_the_headers_and_is_a_valid_event() -> None:
    event = event_for(INBOUND, EnvelopeOverrides(), DOMAINS)
    check_event(event)
    assert event["flowDirection"] == "INBOUND"
    assert event["envelope"]["mailFrom"] == {"address": "joerg@example.net"}
    assert event["subject"] == "Übersicht plain"
    assert "sender" not in event
    assert len(event["messageId"]) == 36
    assert len(event["invocationId"]) == 32


def test_a_text_is_one_recipient() -> None:
    assert recipients(event_for(INBOUND, EnvelopeOverrides(recipients="clara@example.com"), DOMAINS)) == ["clara@example.com"]


def test_an_address_with_white_space_around_its_dots_is_one_recipient() -> None:
    [raw] = [path.read_bytes() for path in CORPUS if path.stem == "rubymail_example11"]
    event = event_for(raw, EnvelopeOverrides(FlowDirection.OUTBOUND), DOMAINS)
    assert event["envelope"]["mailFrom"] == {"address": "john.q.public@example.com"}
    assert recipients(event) == ["mary@example.net", "jdoe@test.example"]


def test_a_sender_has_no_white_space_around_its_dots() -> None:
    raw = b"From: nora@example . net\r\nSender: ben . b@example.net\r\nTo: ana@example . com\r\n\r\n"
    event = event_for(raw, EnvelopeOverrides(), DOMAINS)
    assert event["envelope"]["mailFrom"] == {"address": "nora@example.net"}
    assert event["sender"] == {"address": "ben.b@example.net"}
    assert recipients(event) == ["ana@example.com"]


def test_an_inbound_event_lists_each_recipient_of_the_organization_once() -> None:
    assert recipients(event_for(INBOUND, EnvelopeOverrides(), DOMAINS)) == ["ana@example.com", "ben@example.com"]


def test_mail_from_the_organization_is_outbound_and_lists_all_recipients() -> None:
    event = event_for(INBOUND.replace(b"joerg@example.net", b"dora@example.com"), EnvelopeOverrides(), DOMAINS)
    assert event["flowDirection"] == "OUTBOUND"
    assert recipients(event) == ["ana@example.com", "clara@example.org", "ben@example.com"]


def test_overrides_win_over_the_header() -> None:
    overrides = EnvelopeOverrides(FlowDirection.OUTBOUND, "dora@example.com", ["x@example.org"])
    event = event_for(INBOUND, overrides, DOMAINS)
    assert (event["flowDirection"], event["envelope"]["mailFrom"]["address"], recipients(event)) == (
        "OUTBOUND",
        "dora@example.com",
        ["x@example.org"],
    )


def test_sender_is_in_the_event_only_when_it_differs_from_the_author() -> None:
    assert event_for(b"Sender: ben@example.net\r\n" + INBOUND, EnvelopeOverrides(), DOMAINS)["sender"] == {"address": "ben@example.net"}
    assert "sender" not in event_for(b"Sender: JOERG@example.net\r\n" + INBOUND, EnvelopeOverrides(), DOMAINS)


def test_the_subject_is_cut_at_256_characters_not_octets() -> None:
    raw = b"From: a@example.net\r\nTo: ana@example.com\r\nSubject: " + "é".encode() * 300 + b"\r\n\r\n"
    assert len(event_for(raw, EnvelopeOverrides(), DOMAINS)["subject"]) == 256


@pytest.mark.parametrize("subject", [b"=?no-such?Q?x?=", b"=?utf-8?B?!?=", b"=?utf-8?B?abcde?=", b"", b"\xff\xfe"])
def test_a_malformed_subject_gives_a_valid_event(subject: bytes) -> None:
    check_event(event_for(b"From: a@example.net\r\nTo: ana@example.com\r\nSubject: " + subject + b"\r\n\r\n", EnvelopeOverrides(), DOMAINS))


@pytest.mark.parametrize(
    "raw, advice",
    [(b"To: ana@example.com\r\n\r\n", "--from"), (b"From: a@example.net\r\nTo: x@example.org\r\n\r\n", "--to"), (b"", "--from")],
)
def test_a_message_without_envelope_is_an_error_that_names_the_option(raw: bytes, advice: str) -> None:
    with pytest.raises(NoEnvelope, match=advice):
        event_for(raw, EnvelopeOverrides(), DOMAINS)


@pytest.mark.parametrize("saved, sent", [(b"a\nb\n", b"a\r\nb\r\n"), (b"a\r\nb\n", b"a\r\nb\n"), (b"a\r\n", b"a\r\n"), (b"", b"")])
def test_only_a_file_whose_lines_all_end_in_lf_gets_crlf(saved: bytes, sent: bytes) -> None:
    assert with_crlf(saved) == sent


@pytest.mark.parametrize("domain", ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example"])
@pytest.mark.parametrize("written", ["bücher.example", "xn--bcher-kva.example"])
def test_a_domain_is_the_same_in_unicode_and_in_ascii(domain: str, written: str) -> None:
    raw = f"From: a@example.net\r\nTo: ana@{written}, x@example.org\r\n\r\n".encode()
    assert recipients(event_for(raw, EnvelopeOverrides(), {domain})) == [f"ana@{written}"]
    assert event_for(raw, EnvelopeOverrides(None, f"ana@{written}"), {domain})["flowDirection"] == "OUTBOUND"


def test_a_sender_that_only_spells_the_authors_domain_otherwise_is_not_in_the_event() -> None:
    raw = "From: a@bücher.example\r\nSender: A@xn--bcher-kva.example\r\nTo: ana@example.com\r\n\r\n".encode()
    assert "sender" not in event_for(raw, EnvelopeOverrides(), DOMAINS)


@pytest.mark.parametrize(
    "value",
    [
        "Nora (Sales, EU) <nora@example.net>",
        "ACME (Support, Billing) <nora@example.net>",
        "Doe, Nora <nora@example.net>",
        '"Doe, Nora" <nora@example.net>',
        "=?utf-8?q?Doe=2C_N=C3=B6ra?= <nora@example.net>",
        "Nöra <nora@example.net>",
        "nora@example.net (Nora, Sales)",
        "<nora@example.net>, <second@example.net>",
        "Nora <nora@example.net>,",
        ", Nora <nora@example.net>",
        "Nora <nora@example.net>;",
        "Nora <nora@example.net> (comment",
        "[Nora] <nora@example.net>",
        "Nora: Sales <nora@example.net>",
        '"Nora" nora@example.net',
        "Nora <nora@example.net",
        "nora @ example.net",
        "Nora <mailto:nora@example.net>",
        '"nora@example.net" <nora@example.net>',
        "nora@example.net <nora@example.net>",
        "Nora at ACME, Inc. <nora@example.net>",
        "'Nora' via List <nora@example.net>",
        "\r\n Nora <nora@example.net>",
        '"Nora \\"The, Boss\\"" <nora@example.net>',
        "Team:nora@example.net;",
        "Nora <@relay.example:nora@example.net>",
        "Nora <nora@example.net>\r\nFrom: Eve <eve@example.org>",
    ],
)
def test_the_author_is_the_same_on_every_version_of_python(value: str) -> None:
    # CVE-2023-27043: since its correction, the standard library finds no address in some of these.
    raw = f"From: {value}\r\nTo: ana@example.com\r\n\r\nHello\r\n".encode()
    assert event_for(raw, EnvelopeOverrides(), DOMAINS)["envelope"]["mailFrom"] == {"address": "nora@example.net"}


def test_an_address_and_subject_beyond_ascii_are_in_the_event_as_written() -> None:
    raw = (
        "From: Verkauf <verkäufer@bücher-shop.example>\r\nSender: büro@bücher-shop.example\r\nTo: Anna <änna@bücher.example>\r\n"
        "Subject: Grüße\r\n\taus Köln\r\n\r\nHallo\r\n"
    )
    for encoding in ("utf-8", "latin-1"):
        event = event_for(raw.encode(encoding), EnvelopeOverrides(), {"bücher.example"})
        check_event(event)
        assert event["envelope"]["mailFrom"] == {"address": "verkäufer@bücher-shop.example"}
        assert event["sender"] == {"address": "büro@bücher-shop.example"}
        assert recipients(event) == ["änna@bücher.example"]
        assert event["subject"] == "Grüße aus Köln"


@pytest.mark.parametrize(
    "field, shown",
    [
        ("Nora (Sales, EU) <b@example.org>,", "Nora <b@example.org>"),
        ("b@example.org (Ben)", "Ben <b@example.org>"),
        ("b@example.org,", "b@example.org"),
        ("<b@example.org>", "b@example.org"),
        ('"Silva, Ana" <ana@example.com>', "Silva, Ana <ana@example.com>"),
        ("Silva, Ana <ana@example.com>", "Silva, Ana <ana@example.com>"),
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe=2C_Jo?= <a@example.org>", "Grüße, Jo <a@example.org>"),
        ("A <a@example.org>, , B <b@example.org>;", "A <a@example.org>, B <b@example.org>"),
        ("Team: a@example.org;", "Team <a@example.org>"),
        ("Mia <mia@example . org>", "Mia <mia@example.org>"),
        ("Jörg <jörg@bücher.example>", "Jörg <jörg@bücher.example>"),
        ("\r\n Nora\r\n <b@example.org>", "Nora <b@example.org>"),
        ("<@r.example:a@example.org>", "a@example.org"),
        ("Only a name", "Only a name"),
        ("Nora <>", "Nora"),
        ("a@example.org\r\nFrom: a@example.org", "a@example.org"),
        (",", ","),
        ("", ""),
    ],
)
def test_the_authors_are_shown_as_mail_programs_show_them(field: str, shown: str) -> None:
    assert HeaderSummary.of(f"From: {field}\r\n\r\n".encode()).from_text == shown


def test_a_from_field_of_a_megabyte_is_shown_in_part() -> None:
    field = ", ".join(f"N (x) <a{number}@example.org>" for number in range(40_000))
    assert len(HeaderSummary.of(f"From: {field}\r\n\r\n".encode()).from_text) == 300
