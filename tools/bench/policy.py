"""Measure a policy of a thousand rules with five hundred recipients, its loading, and its conditions on hostile mail."""

import io
import json
import statistics
import zipfile
from dataclasses import replace
from typing import Any

import yaml

from mailhooks.envelope import Envelope, FlowDirection
from mailhooks.hooks.policy_hook import make_verdict
from mailhooks.policy import Policy, Services, load
from tools.bench import mail
from tools.bench.measure import print_bar, print_times, time_call
from workmail_local.policy_tools.memory_services import MemoryContacts, MemoryDirectory

RULES = 1000
RECIPIENTS = 500
ROUNDS = 15

EVALUATE_LIMIT_MS = 50
LOAD_LIMIT_MS = 500


def main() -> None:
    document = policy(RULES)
    text = yaml.safe_dump(document, sort_keys=False)
    print(f"\nA policy of {RULES} rules ({len(text) // 1024} KB of YAML), a message of 10 KB to {RECIPIENTS} recipients")
    rules, event, raw = load(text), to(RECIPIENTS), mail.message(10_000)
    for name, call, runs, limit in (
        ("load, from YAML", lambda: load(text), 5, LOAD_LIMIT_MS),
        ("load, from JSON", lambda: load(json.dumps(document)), 5, LOAD_LIMIT_MS),
        ("evaluate, and the response", lambda: make_verdict(rules.evaluate(event, raw)).to_response(), ROUNDS, EVALUATE_LIMIT_MS),
    ):
        times = [time_call(call) for _ in range(runs)]
        print_times(name, times)
        print_bar(name, statistics.median(times), limit, "ms")
    tagged = load(json.dumps({**document, "defaults": {"mixed": "all", "plus_addresses": True}}))
    print_times("evaluate, with plus addresses", [time_call(lambda: tagged.evaluate(_with_tags(event), raw)) for _ in range(ROUNDS)])
    matched = len(rules.evaluate(event, raw).matched)
    print(f"  {matched} of the rules match")
    by_recipients = {count: _find_median(rules, to(count), raw) for count in (1, RECIPIENTS)}
    print(f"  {by_recipients[RECIPIENTS] / by_recipients[1]:.1f} x the time of a message to one recipient")
    _measure_people()
    _measure_contacts()
    _measure_hostile_mail()


def policy(count: int) -> dict[str, Any]:
    """Return a policy with rules of every cost: half of them by mailboxes, a fifth by words, the rest by other conditions."""
    return {
        "version": 1,
        "organization": {"domains": ["example.com"]},
        "defaults": {"mixed": "all"},
        "lists": {"partners": ["*.partner.example.net", "ally@example.org"]},
        "rules": [
            {"name": f"rule {number}", "when": _when(number), "do": _do(number)}
            for number in range(count)
        ],
    }  # fmt: skip


def _when(number: int) -> dict[str, Any]:
    mailboxes = [f"user{(number * step) % 3000}@example.com" for step in (1, 7, 11)]
    return [
        {"recipient": mailboxes},
        {"recipient": mailboxes, "sender": [f"s{number}@example.net", "list:partners"]},
        {"recipient_scope": "internal", "subject": [f"word{number}", "invoice number"]},
        {"sender_scope": "external", "body": {"words": [f"secret{number}", "codeword"]}},
        {"attachment": {"extension": ["exe", "js"]}, "recipient": mailboxes},
        {"direction": "inbound", "any": [{"recipient": "*.sales.example.com"}, {"subject": [f"deal {number}"]}]},
        {"header": {"name": "X-Spam", "words": ["yes"]}, "recipient": {"regex": [rf"^team{number}-.*@example\.com$"]}},
        {"time": {"days": ["sat", "sun"], "zone": "Europe/Berlin"}, "recipient": mailboxes},
        {"body": {"regex": rf"(?:ref|reference)[ :#]*{number}\b", "first_kb": 64}, "kind": "list"},
        {"recipient": mailboxes, "size": {"over": "1 KB"}, "authentication": {"dmarc": ["fail"]}},
    ][number % 10]


def _do(number: int) -> list[Any]:
    headers = {"headers": {"set": {"X-Rule": f"r{number}"}}}
    return [["junk"], [{"count": f"M{number}"}], [headers], [{"bounce": f"No {number % 7}"}]][number % 4]


def to(count: int) -> Envelope:
    recipients = tuple(f"user{number}@example.com" for number in range(count))
    return Envelope("s1@example.net", recipients, None, "Café and more", "m-1", "i-1", FlowDirection.INBOUND)


def _measure_people() -> None:
    """Print the time of a condition on the names of ten thousand people: the first message reads the names."""
    people = {f"First{number} Last{number}": [f"user{number}@example.com"] for number in range(10_000)}
    services = Services(directory=MemoryDirectory({}, ["example.com"], people))
    rules = load(json.dumps({"version": 1, "rules": [{"name": "r", "when": {"display_name": {"own_people": True}}, "do": "drop"}]}))
    raw = mail.message(10_000).replace(b"From: ", b'From: "Last5, First5" <x@example.net>, ', 1)
    times = [time_call(lambda: rules.evaluate(to(1), raw, services=services, domains=["example.com"])) for _ in range(ROUNDS)]
    print(f"\nThe names of {len(people):,} people: {times[0]:.1f} ms at first, then {statistics.median(times):.2f} ms")


def _measure_contacts() -> None:
    """Print the time of the first contacts of all recipients, without that of the table."""
    rules = load(json.dumps({"version": 1, "rules": [{"name": "r", "when": {"first_contact": True}, "do": "drop"}]}))
    raw, event, services = mail.message(10_000), to(RECIPIENTS), Services(contacts=MemoryContacts())
    times = [time_call(lambda: rules.evaluate(event, raw, services=services, domains=["example.com"])) for _ in range(ROUNDS)]
    print(f"First contacts of {RECIPIENTS} recipients: {statistics.median(times):.2f} ms")


def _with_tags(event: Envelope) -> Envelope:
    return replace(event, recipients=tuple(address.replace("@", "+tag@") for address in event.recipients))


def _measure_hostile_mail() -> None:
    """Print the time of each condition for the worst text, at two sizes: twice the time is linear."""
    print(f"\n{'Conditions on hostile mail':44} {'0.5 MB':>10} {'1 MB':>10} {'ratio':>6}")
    for what, condition, piece, kind in _CASES:
        small, large = (_time_condition(condition, piece, kind, octets) for octets in (500_000, 1_000_000))
        print(f"  {what:42} {small:7.1f} ms {large:7.1f} ms {large / small:6.2f}")


_PERSONS = ["us_ssn", "de_tax_id", "es_dni", "it_codice_fiscale", "pl_pesel"]
_CASES: list[tuple[str, dict[str, Any], bytes, bytes]] = [
    ("HTML: comments that never end", {"body": {"words": "x", "first_kb": 4096}}, b"<!-- ", b"html"),
    ("HTML: tags that never end", {"body": {"words": "x", "first_kb": 4096}}, b"<a ", b"html"),
    ("HTML: scripts that never end", {"body": {"words": "x", "first_kb": 4096}}, b"<script>", b"html"),
    ("HTML: elements that are hidden", {"body": {"words": "x", "first_kb": 4096}}, b"<p style=display:none>", b"html"),
    ("HTML: elements without markup", {"body": {"words": "x", "first_kb": 4096}}, b"<xmp><noscript><style/>", b"html"),
    ("HTML: references", {"body": {"words": "x", "first_kb": 4096}}, b"&#", b"html"),
    ("text: an expression with nested repeats", {"body": {"regex": "(a+)+b", "first_kb": 4096}}, b"aaaa ", b"plain"),
    ("text: groups of digits", {"body": {"card_number": True, "first_kb": 4096}}, b"4111 ", b"plain"),
    ("text: groups on many lines", {"body": {"card_number": True, "first_kb": 4096}}, b"4111\n", b"plain"),
    ("text: years on many lines", {"body": {"card_number": True, "first_kb": 4096}}, b"2024\r\n", b"plain"),
    ("text: groups with many gaps", {"body": {"card_number": True, "first_kb": 4096}}, b"4111 4111-4111.4111\t4111/", b"plain"),
    ("text: card numbers of orders", {"body": {"card_number": True, "first_kb": 4096}}, b"order no. 4111111111111111 ", b"plain"),
    ("text: accounts with wrong check digits", {"body": {"identifiers": "iban", "first_kb": 4096}}, b"DE12 ", b"plain"),
    ("text: accounts of the form of Malta", {"body": {"identifiers": "iban", "first_kb": 4096}}, b"MT12 ABCD1", b"plain"),
    ("text: numbers of persons, touched", {"body": {"identifiers": _PERSONS, "first_kb": 4096}}, b"44051401359a ", b"plain"),
    ("text: a word inside of others", {"body": {"words": ["aa"], "first_kb": 4096}}, b"aaa", b"plain"),
    ("text: accents in the wrong order", {"body": {"words": ["aa"], "first_kb": 4096}}, "\u0301\u0316".encode(), b"plain"),
    ("text: half-width marks of kana", {"body": {"words": ["aa"], "first_kb": 4096}}, "\uff9e\u0301".encode(), b"plain"),
    ("text: letters with marks that are no words", {"body": {"words": ["\u304b"], "first_kb": 4096}}, "\u304b\u309a".encode(), b"plain"),
    (
        "text: letters that look alike",
        {"body": {"words": ["aa"], "look_alikes": True, "first_kb": 4096}},
        "\u0430\u0430m".encode(),
        b"plain",
    ),
    ("text: an expression with Turkish letters", {"body": {"regex": "\u0131x$", "first_kb": 4096}}, "\u0131\u0130".encode(), b"plain"),
    ("text: characters that are not shown", {"body": {"words": ["aa"], "first_kb": 4096}}, "a\u200b\u00ad".encode(), b"plain"),
    ("header: addresses", {"header_from": "x@example.com"}, b'(a,<"', b"header"),
    ("header: addresses with white space", {"header_from": "x@example.com"}, b"a@b . ", b"header"),
    ("header: display names", {"display_name": {"equals": "Ana Silva", "look_alikes": True}}, b'"a\xcc\x81" (b) <c@d>, ', b"header"),
    ("header: addresses for replies", {"reply_to_differs": "domain"}, b'a@b, (c,<"', b"replies"),
    ("HTML: images that are shown", {"attachment_count": {"over": 0}}, b'<img src="cid:1" style="url(\'x">', b"logo"),
    ("parts: many charsets", {"charset": "koi8-r"}, b"--b\r\nContent-Type: text/plain; charset=x\r\n\r\n", b"parts"),
    ("headers: domains beyond ASCII", {"header_from": "x@example.com"}, f"From: a@#.{'ü.' * 120}\r\n".encode(), b"headers"),
    ("header: results of authentication", {"authentication": {"spf": "pass"}}, b'(("', b"results"),
    ("HTML: links whose texts show domains", {"link": {"shows_other_domain": True}}, b"<a href=//a.example>b.example</a> ", b"html"),
    ("HTML: links that never end", {"link": {"domain": "x.example"}}, b"<a href=//a.example/", b"html"),
    ("HTML: comments for Outlook", {"link": {"domain": "x.example"}}, b"<!--[if mso]><a href=a>", b"html"),
    ("HTML: links in links in links", {"link": {"domain": "x.example"}}, b"<v:x href=a><noscript><a href=b>", b"html"),
    ("text: addresses", {"link": {"address": {"regex": "z$"}}}, b"https://a.example/(( ", b"plain"),
    ("text: one address with brackets", {"link": {"domain": "x.example"}}, b"https://a.example/)", b"plain"),
    ("PDF: mentions of encryption", {"attachment": {"encrypted": True}}, b"%PDF-1.4 /Encrypt 5 0 R 5 0 obj << ", b"attached"),
    ("PDF: strings that never end", {"attachment": {"encrypted": True}}, b"%PDF-1.4 /Encrypt <</Filter/Standard/O(((", b"attached"),
    ("RAR: blocks", {"attachment": {"encrypted": True}}, b"Rar!\x1a\x07\x01\0" + b"\0\0\0\0\2\2\0" * 5000, b"attached"),
    ("text of an attachment", {"attachment": {"text": {"words": "x", "first_kb": 4096}}}, b"aaa ", b"attached"),
    ("text of an attachment: tags", {"attachment": {"text": {"words": "x", "first_kb": 4096}}}, b"<html><a ", b"attached"),
    ("RTF: groups", {"attachment": {"text": {"words": "x", "first_kb": 4096}}}, b"{\\rtf1{\\b a\\u1?", b"attached"),
    ("XML of Word: elements", {"attachment": {"text": {"words": "x", "first_kb": 4096}}}, b"<p><t>a</t></p>", b"word"),
    ("XML of Word: elements in elements", {"attachment": {"text": {"words": "x", "first_kb": 4096}}}, b"<p>", b"word"),
    ("headers: trace fields of a gateway", {"authentication": {"spf": "pass"}}, b"(1.2.3.4)(a) ", b"gateway"),
    ("parts: attachments without an end", {"attachment": {"extension": "exe"}}, b"--b\r\n\r\n", b"parts"),
]


_LOGO = (
    b"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: image/png\r\nContent-ID: <2>\r\n\r\n\x89PNG\r\n\x1a\n"
    b"\r\n--b\r\nContent-Type: text/html\r\n\r\n"
)


def _time_condition(condition: dict[str, Any], piece: bytes, kind: bytes, octets: int) -> float:
    head = b"From: a@example.net\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nMIME-Version: 1.0\r\n"
    much = piece * (octets // len(piece))
    raw = {
        b"html": head + b"Content-Type: text/html\r\n\r\n" + much,
        b"plain": head + b"Content-Type: text/plain\r\n\r\n" + much,
        b"header": head + b"From: " + much + b"\r\n\r\n",
        b"replies": head + b"Reply-To: " + much + b"\r\n\r\n",
        b"logo": head
        + b"Content-Type: multipart/related; boundary=b\r\n\r\n"
        + _LOGO
        + b"\r\n--b\r\nContent-Type: text/html\r\n\r\n"
        + much,
        b"headers": b"".join(piece.replace(b"#", b"%d" % number) for number in range(octets // len(piece))) + head + b"\r\n",
        b"results": b"Authentication-Results: amazonses.com; " + much + b"\r\n" + head + b"\r\n",
        b"attached": head + b"Content-Type: a/b\r\nContent-Transfer-Encoding: binary\r\n\r\n" + much,
        b"word": head + b"Content-Type: a/b\r\nContent-Transfer-Encoding: binary\r\n\r\n" + _make_word_file(much),
        b"gateway": b"Received: from x ([192.0.2.1]) by y\r\n"
        + b"".join(b"Received: by z " + piece * 150 + b"\r\n" for _ in range(octets // len(piece) // 150))
        + head
        + b"\r\n",
        b"parts": head + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + much,
    }[kind]
    gateway = {"authserv_ids": ["mx.gateway.example"], "addresses": ["192.0.2.0/24"]} if kind == b"gateway" else None
    organization = {"organization": {"gateway": gateway}} if gateway else {}
    rules = load(json.dumps({"version": 1, **organization, "rules": [{"name": "r", "when": condition, "do": [{"count": "M"}]}]}))
    return min(time_call(lambda: rules.evaluate(to(1), raw)) for _ in range(3))


def _make_word_file(xml: bytes) -> bytes:
    holder = io.BytesIO()
    with zipfile.ZipFile(holder, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("[Content_Types].xml", b"")
        made.writestr("word/document.xml", b"<d>" + xml)
    return holder.getvalue()


def _find_median(rules: Policy, event: Envelope, raw: bytes) -> float:
    return statistics.median(time_call(lambda: rules.evaluate(event, raw)) for _ in range(ROUNDS))


if __name__ == "__main__":
    main()
