"""Which results of authentication count behind a gateway: only those of the gateway, for mail that came from it."""

from typing import Any

from tests.support.policies import evaluate, mail, make_policy
from tests.support.tables import check_rows

GATEWAY: dict[str, Any] = {"authserv_ids": ["MX.gateway.example", "mx2"], "addresses": ["203.0.113.0/24", "2001:db8:7::/48"]}
SES = "Authentication-Results: amazonses.com; spf=fail; dkim=fail; dmarc=fail"
OURS = "Authentication-Results: mx.gateway.example; spf=pass; dkim=pass; dmarc=pass"
BAD = "Authentication-Results: mx.gateway.example; spf=fail; dkim=fail; dmarc=fail"
SPF_ONLY = "Authentication-Results: mx.gateway.example; spf=softfail"


def received(address: str, by: str = "inbound-smtp.us-east-1.amazonaws.com") -> str:
    return f"Received: from out.example (out.example [{address}])\r\n by {by} with SMTP id x; Tue, 5 May 2026 07:12:46 +0000"


BY_SES = received("203.0.113.7")
DIRECT = received("198.51.100.9")
INNER = received("10.0.0.5", "out.gateway.example")
OTHER = received("203.0.113.200", "out.gateway.example")
ENTRY = received("198.51.100.9", "in.gateway.example")
FORGED = received("192.0.2.3", "in.gateway.example")

PASS, FAIL, MISSING = "pass", "fail", "(not there)"

ROWS: list[tuple[str, list[str], dict[str, str]]] = [
    ("above the gateway's Received", [BY_SES, SES, OURS, ENTRY], {"spf": PASS, "dkim": PASS, "dmarc": PASS}),
    ("below the gateway's Received", [BY_SES, SES, ENTRY, OURS], {"dmarc": PASS}),
    ("above the Received of two hosts", [BY_SES, SES, INNER, OURS, ENTRY], {"dmarc": PASS}),
    (
        "between hosts of the gateway",
        [BY_SES, SES, OTHER, received("127.0.0.1", "c"), OURS, ENTRY],
        {"dmarc": PASS},
    ),
    ("a host without from", [BY_SES, SES, "Received: by 2002:a05:6a20:1 with SMTP id x; Tue", OURS, ENTRY], {"dmarc": PASS}),
    ("another identifier of the list", [BY_SES, SES, OURS.replace("mx.gateway.example", "MX2 1"), ENTRY], {"dmarc": PASS}),
    ("with a comment", [BY_SES, SES, OURS.replace("dmarc=pass", "dmarc=pass (policy; dmarc=fail)"), ENTRY], {"dmarc": PASS}),
    ("an IPv6 address", [received("IPv6:2001:db8:7::1"), SES, OURS, ENTRY], {"dmarc": PASS}),
    ("the form of Exchange", [BY_SES.replace("(out.example [203.0.113.7])", "(203.0.113.7)"), SES, OURS, ENTRY], {"dmarc": PASS}),
    ("an IPv4 address as IPv6", [received("IPv6:::ffff:203.0.113.7"), SES, OURS, ENTRY], {"dmarc": PASS}),
    ("no date", [BY_SES.partition(";")[0], SES, OURS, ENTRY], {"dmarc": PASS}),
    ("with TLS", [BY_SES.replace("])", "])\r\n (using TLSv1.3)"), SES, OURS, ENTRY], {"dmarc": PASS}),
    ("two fields of the gateway", [BY_SES, SES, SPF_ONLY, OURS, ENTRY], {"spf": "softfail", "dmarc": PASS}),
    ("no field of the gateway", [BY_SES, SES, ENTRY], {"spf": MISSING, "dkim": MISSING, "dmarc": MISSING}),
    ("a field of another host", [BY_SES, SES, OURS.replace("mx.", "mx3."), ENTRY], {"dmarc": MISSING}),
    ("a longer identifier", [BY_SES, SES, OURS.replace("mx.", "evil-mx."), ENTRY], {"dmarc": MISSING}),
    ("a forged field below the gateway's", [BY_SES, SES, BAD, ENTRY, OURS], {"spf": FAIL, "dmarc": FAIL}),
    ("a forged field before the gateway", [BY_SES, SES, ENTRY, FORGED, OURS], {"dmarc": MISSING}),
    ("a field of an earlier passage", [BY_SES, SES, ENTRY, DIRECT, ENTRY, OURS], {"dmarc": MISSING}),
    ("mail past the gateway", [DIRECT, SES, OURS], {"spf": FAIL, "dkim": FAIL, "dmarc": FAIL}),
    ("forged trace past the gateway", [DIRECT, SES, BY_SES, OURS, ENTRY], {"dmarc": FAIL}),
    ("the address as the host's name", [DIRECT.replace("from out.example", "from [203.0.113.7]"), SES, OURS], {"dmarc": FAIL}),
    ("the address as a comment of the name", [DIRECT.replace("from out.example", "from x ([203.0.113.7])"), SES, OURS], {"dmarc": FAIL}),
    ("the address with by in the name", [DIRECT.replace("from out.example", "from x ([203.0.113.7]) by y"), SES, OURS], {"dmarc": FAIL}),
    (
        "the address with a date in the name",
        [DIRECT.replace("from out.example", "from x ([203.0.113.7]) by y;"), SES, OURS],
        {"dmarc": FAIL},
    ),
    ("the address before that of Exchange", ["Received: from [203.0.113.7] (198.51.100.9) by x; Tue", SES, OURS], {"dmarc": FAIL}),
    ("the address after by", [DIRECT.replace(" with", " ([203.0.113.7]) with"), SES, OURS], {"dmarc": FAIL}),
    ("no Received field", [SES, OURS], {"dmarc": FAIL}),
    ("an unreadable Received field", ["Received: x", SES, OURS], {"dmarc": FAIL}),
    ("a field above SES's", [OURS, DIRECT, SES], {"dmarc": MISSING}),
    (
        "SES's checks of content",
        [BY_SES, "X-SES-Spam-Verdict: FAIL", "X-SES-Virus-Verdict: PASS", SES, OURS, ENTRY],
        {"spam": FAIL, "virus": PASS},
    ),
    ("SES's Received-SPF", [BY_SES, "Received-SPF: fail", SES, ENTRY], {"spf": MISSING}),
]


def results(lines: list[str], gateway: dict[str, Any] | None = GATEWAY) -> dict[str, str]:
    raw = "".join(f"{line}\r\n" for line in [*lines, "From: a@example.net", "", "x"]).encode()
    found = {}
    for method in ("spf", "dkim", "dmarc", "spam", "virus"):
        for result in ("pass", "fail", "softfail"):
            rule = {"when": {"authentication": {method: result}}, "do": "drop"}
            organization = {"domains": ["example.com"]} | ({"gateway": gateway} if gateway else {})
            outcome = evaluate(make_policy(rule, organization=organization), mail(raw))
            assert not outcome.failures
            if outcome.matched:
                found[method] = result
    return found


def test_only_the_results_of_the_gateway_count_for_mail_from_it() -> None:
    def check(what: str, lines: list[str], expected: dict[str, str]) -> None:
        found = results(lines)
        assert {method: found.get(method, MISSING) for method in expected} == expected

    check_rows(ROWS, check)


def test_without_a_gateway_only_the_first_field_of_ses_counts() -> None:
    assert results([BY_SES, SES, OURS, ENTRY], None) == {"spf": FAIL, "dkim": FAIL, "dmarc": FAIL}
    assert results([BY_SES, OURS, SES, ENTRY], None) == {}


def test_hostile_trace_fields_are_bounded() -> None:
    for piece in ("(1.2.3.4)", "[1.2.3.4] ", "(a) by ", "from ", "(", "::"):
        assert results([BY_SES, *[f"Received: from x {piece * 3000}"] * 20, OURS]) == {}
