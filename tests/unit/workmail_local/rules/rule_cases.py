"""Cases of WorkMail's rule matching. A case's name begins with the key of its sentence in `SENTENCES`.

The sentences are those of docs/rules.md, from the administrator guide, "Managing email flows".
"""

from typing import NamedTuple

from mailhooks.contract import FlowDirection

IN, OUT = FlowDirection.INBOUND, FlowDirection.OUTBOUND

SENTENCES = {
    "forms": "Patterns, most specific first: mailbox@example.com, example.com, *.example.com (the domain and all its subdomains), *.",
    "sender-first": "Inbound: the Sender address is matched first; From is matched if there is no Sender or it matched no rule.",
    "from-or-sender": "Outbound: the recipient and (From or Sender) must match.",
    "specific": "The most specific rule wins.",
    "inbound-strict": "Equal specificity: the most restrictive action wins. "
    "Inbound: Drop, Bounce, Deliver to junk, Default, Never deliver to junk, "
    "Run Lambda.",
    "outbound-strict": "Equal specificity: the most restrictive action wins. "
    "Outbound: Default, Drop, Bounce, Route to SMTP gateway, Run Lambda.",
    "each": "Recipients that match different rules each get their own rule's action.",
    "decided": "Not in the guide: decided here (docs/rules.md, What the guide leaves open).",
}


class Case(NamedTuple):
    """A message, and the name of each recipient's winning rule; "" for none."""

    direction: FlowDirection
    rules: str
    author: str
    sender: str
    expected: dict[str, str]


def to_ana(direction: FlowDirection, rules: str, author: str, expected: str, sender: str = "") -> Case:
    return Case(direction, rules, author, sender, {"ana@example.com": expected})


def to(rules: str, recipient: str, expected: str) -> Case:
    return Case(IN, rules, "nora@example.net", "", {recipient: expected})


CASES = {
    # Which addresses a pattern matches.
    "forms-mailbox": to_ana(IN, "a: drop nora@example.net", "nora@example.net", "a"),
    "forms-mailbox-not-another-name": to_ana(IN, "a: drop nora@example.net", "nor@example.net", ""),
    "forms-mailbox-not-the-end-of-a-name": to_ana(IN, "a: drop nora@example.net", "eleonora@example.net", ""),
    "forms-mailbox-not-another-domain": to_ana(IN, "a: drop nora@example.net", "nora@example.org", ""),
    "forms-mailbox-not-a-subdomain": to_ana(IN, "a: drop nora@example.net", "nora@mail.example.net", ""),
    "forms-domain": to_ana(IN, "a: drop example.net", "anybody@example.net", "a"),
    "forms-domain-not-a-subdomain": to_ana(IN, "a: drop example.net", "nora@mail.example.net", ""),
    "forms-domain-not-a-parent": to_ana(IN, "a: drop mail.example.net", "nora@example.net", ""),
    "forms-domain-not-the-end-of-a-label": to_ana(IN, "a: drop example.net", "nora@counterexample.net", ""),
    "forms-domain-not-the-beginning": to_ana(IN, "a: drop example.net", "nora@example.net.example.org", ""),
    "forms-wildcard-the-domain-itself": to_ana(IN, "a: drop *.example.net", "nora@example.net", "a"),
    "forms-wildcard-a-subdomain": to_ana(IN, "a: drop *.example.net", "nora@mail.example.net", "a"),
    "forms-wildcard-all-subdomains": to_ana(IN, "a: drop *.example.net", "nora@a.b.c.example.net", "a"),
    "forms-wildcard-not-the-end-of-a-label": to_ana(IN, "a: drop *.example.net", "nora@counterexample.net", ""),
    "forms-wildcard-not-a-parent": to_ana(IN, "a: drop *.mail.example.net", "nora@example.net", ""),
    "forms-star": to_ana(IN, "a: drop *", "anybody@anywhere.example", "a"),
    "forms-star-no-address": to_ana(IN, "a: drop *", "", "a"),
    "forms-no-address-matches-nothing-else": to_ana(IN, "a: drop *.example.net, example.net", "", ""),
    "forms-second-pattern-of-a-rule": to_ana(IN, "a: drop example.org, *.example.net", "nora@mail.example.net", "a"),
    "forms-recipient-mailbox": to("a: drop * > ana@example.com", "ana@example.com", "a"),
    "forms-recipient-mailbox-not-another": to("a: drop * > ana@example.com", "ben@example.com", ""),
    "forms-recipient-domain": to("a: drop * > example.com", "ben@example.com", "a"),
    "forms-recipient-domain-not-a-subdomain": to("a: drop * > example.com", "ben@mail.example.com", ""),
    "forms-recipient-wildcard": to("a: drop * > *.example.com", "ben@mail.example.com", "a"),
    "forms-recipient-star": to("a: drop * > *", "ben@mail.example.com", "a"),
    "forms-sender-alone-is-not-enough": to("a: drop nora@example.net > ana@example.com", "ben@example.com", ""),
    "forms-recipient-alone-is-not-enough": to("a: drop example.org > ana@example.com", "ana@example.com", ""),
    # Rules that win by the sender pattern: each form against each less specific form, with the less restrictive action.
    "specific-mailbox-before-domain": to_ana(IN, "a: drop example.net | b: default nora@example.net", "nora@example.net", "b"),
    "specific-mailbox-before-wildcard": to_ana(IN, "a: drop *.example.net | b: default nora@example.net", "nora@example.net", "b"),
    "specific-mailbox-before-star": to_ana(IN, "a: drop * | b: default nora@example.net", "nora@example.net", "b"),
    "specific-domain-before-wildcard": to_ana(IN, "a: drop *.example.net | b: default example.net", "nora@example.net", "b"),
    "specific-domain-before-star": to_ana(IN, "a: drop * | b: default example.net", "nora@example.net", "b"),
    "specific-wildcard-before-star": to_ana(IN, "a: drop * | b: default *.example.net", "nora@example.net", "b"),
    "specific-outbound-mailbox-before-domain": to_ana(OUT, "a: default example.com | b: lambda ben@example.com", "ben@example.com", "b"),
    "specific-outbound-wildcard-before-star": to_ana(OUT, "a: default * | b: lambda *.example.com", "ben@example.com", "b"),
    "specific-of-those-that-match": to_ana(IN, "a: drop * | b: default joe@example.net | c: junk example.net", "nora@example.net", "c"),
    "specific-best-pattern-of-a-rule-counts": to_ana(
        IN, "a: drop *, example.net | b: default *, nora@example.net", "nora@example.net", "b"
    ),
    "specific-lambda-before-drop-for-all": to_ana(IN, "a: drop * | b: lambda example.net", "nora@example.net", "b"),
    # Two equally specific rules.
    "inbound-strict-drop-bounce": to_ana(IN, "a: bounce * | b: drop *", "nora@example.net", "b"),
    "inbound-strict-mailboxes": to_ana(IN, "a: lambda nora@example.net | b: junk nora@example.net", "nora@example.net", "b"),
    "inbound-strict-domains": to_ana(IN, "a: lambda example.net | b: drop example.net", "nora@example.net", "b"),
    "inbound-strict-wildcards": to_ana(IN, "a: bypass *.example.net | b: default *.example.net", "nora@example.net", "b"),
    "outbound-strict-drop-bounce": to_ana(OUT, "a: bounce * | b: drop *", "ben@example.com", "b"),
    "outbound-strict-default-drop": to_ana(OUT, "a: drop * | b: default *", "ben@example.com", "b"),
    "outbound-strict-gateway-lambda": to_ana(OUT, "a: lambda * | b: gateway *", "ben@example.com", "b"),
    # Sender and From, inbound.
    "sender-first-no-sender": to_ana(IN, "a: drop example.net", "nora@example.net", "a"),
    "sender-first-sender-matches": to_ana(IN, "a: drop example.org", "nora@example.net", "a", "list@example.org"),
    "sender-first-both-match": to_ana(IN, "a: drop example.net | b: default example.org", "nora@example.net", "b", "list@example.org"),
    "sender-first-even-less-specifically": to_ana(
        IN, "a: drop nora@example.net | b: default *.example.org", "nora@example.net", "b", "list@example.org"
    ),
    "sender-first-star-hides-from": to_ana(IN, "a: drop nora@example.net | b: default *", "nora@example.net", "b", "list@example.org"),
    "sender-first-sender-matches-none": to_ana(IN, "a: drop example.net", "nora@example.net", "a", "list@example.org"),
    "sender-first-neither-matches": to_ana(IN, "a: drop example.net", "nora@example.com", "", "list@example.org"),
    "sender-first-same-address": to_ana(IN, "a: drop nora@example.net", "nora@example.net", "a", "NORA@example.net"),
    "decided-sender-matches-none-for-this-recipient": Case(
        IN,
        "a: drop example.org > ana@example.com | b: junk example.net",
        "nora@example.net",
        "list@example.org",
        {"ana@example.com": "a", "ben@example.com": "b"},
    ),
    # From and Sender, outbound.
    "from-or-sender-from-matches": to_ana(OUT, "a: drop ben@example.com", "ben@example.com", "a", "cem@example.com"),
    "from-or-sender-sender-matches": to_ana(OUT, "a: drop cem@example.com", "ben@example.com", "a", "cem@example.com"),
    "from-or-sender-neither-matches": to_ana(OUT, "a: drop dan@example.com", "ben@example.com", "", "cem@example.com"),
    "from-or-sender-recipient-must-match": to_ana(OUT, "a: drop ben@example.com > example.org", "ben@example.com", ""),
    "from-or-sender-from-and-recipient": to_ana(OUT, "a: drop ben@example.com > example.com", "ben@example.com", "a"),
    "from-or-sender-sender-and-recipient": to_ana(OUT, "a: drop cem@example.com > example.com", "ben@example.com", "a", "cem@example.com"),
    "from-or-sender-from-in-spite-of-sender": to_ana(
        OUT, "a: drop example.com | b: lambda ben@example.com", "ben@example.com", "b", "cem@example.com"
    ),
    "from-or-sender-the-more-specific-header": to_ana(
        OUT, "a: drop example.com | b: lambda cem@example.com", "ben@example.com", "b", "cem@example.com"
    ),
    # Recipients independent of each other.
    "each-its-own": Case(
        IN,
        "a: drop * > ana@example.com | b: junk * > example.com",
        "nora@example.net",
        "",
        {"ana@example.com": "a", "ben@example.com": "b", "cem@example.org": ""},
    ),
    "each-outbound": Case(
        OUT,
        "a: drop * > example.net | b: lambda *",
        "ben@example.com",
        "",
        {"x@example.net": "a", "x@example.org": "b"},
    ),
    "each-by-action": Case(
        IN,
        "a: bounce * > ana@example.com | b: drop * > ana@example.com, ben@example.com | c: junk * > ben@example.com",
        "nora@example.net",
        "",
        {"ana@example.com": "b", "ben@example.com": "b"},
    ),
    # Points that the guide leaves open.
    "decided-sender-before-recipient": to_ana(
        IN, "a: drop example.net > ana@example.com | b: default nora@example.net", "nora@example.net", "b"
    ),
    "decided-then-recipient": to_ana(IN, "a: drop example.net | b: default example.net > example.com", "nora@example.net", "b"),
    "decided-recipient-mailbox-before-domain": to_ana(
        IN, "a: drop * > example.com | b: default * > ana@example.com", "nora@example.net", "b"
    ),
    "decided-recipient-domain-before-wildcard": to_ana(
        IN, "a: drop * > *.example.com | b: default * > example.com", "nora@example.net", "b"
    ),
    "decided-recipient-wildcard-before-star": to_ana(IN, "a: drop * > * | b: default * > *.example.com", "nora@example.net", "b"),
    "decided-then-action": to_ana(IN, "a: bounce example.net > example.com | b: drop example.net > example.com", "nora@example.net", "b"),
    "decided-name": to_ana(IN, "b: drop example.net | a: drop *.example.org, example.net", "nora@example.net", "a"),
    "decided-wildcards-are-equal": to_ana(IN, "a: default *.mail.example.net | b: drop *.example.net", "nora@mail.example.net", "b"),
    "decided-wildcards-are-equal-however-many": to_ana(
        IN,
        "a: junk *.mail.example.net | b: bounce *.mail.example.net | c: drop *.example.net",
        "nora@mail.example.net",
        "c",
    ),
    "decided-plus-is-another-address": to_ana(IN, "a: drop nora@example.net", "nora+offers@example.net", ""),
    "decided-plus-is-in-the-domain": to_ana(IN, "a: drop example.net", "nora+offers@example.net", "a"),
    # Spelling.
    "forms-case-of-the-address": to_ana(IN, "a: drop nora@example.net", "Nora@EXAMPLE.net", "a"),
    "forms-case-of-the-pattern": to_ana(IN, "a: drop Nora@Example.NET", "nora@example.net", "a"),
    "forms-case-of-wildcards": to_ana(IN, "a: drop *.EXAMPLE.net", "nora@Mail.example.NET", "a"),
    "forms-u-label-pattern": to_ana(IN, "a: drop bücher.example", "nora@xn--bcher-kva.example", "a"),
    "forms-a-label-pattern": to_ana(IN, "a: drop xn--bcher-kva.example", "nora@bücher.example", "a"),
    "forms-u-label-case": to_ana(IN, "a: drop *.bücher.example", "nora@Laden.BÜCHER.example", "a"),
    "forms-mailbox-of-another-script": to_ana(IN, "a: drop ünal@bücher.example", "Ünal@XN--bcher-kva.example", "a"),
    "forms-sharp-s-is-not-ss": to_ana(IN, "a: drop straße.example", "nora@strasse.example", ""),
    "forms-composed-and-decomposed-letters": to_ana(IN, "a: drop f\u00fc\u00df.example", "nora@fu\u0308\u00df.example", "a"),
    "forms-symbols": to_ana(IN, "a: drop xn--i-7iq.example", "nora@i❤.example", "a"),
    # Texts that are not addresses.
    "forms-no-at": to_ana(IN, "a: drop example.net | b: junk *", "example.net", "b"),
    "forms-many-ats": to_ana(IN, "a: drop example.net", "nora@example.org@example.net", "a"),
    "forms-quoted-at": to_ana(IN, "a: drop example.net", '"nora@example.org"@example.net', "a"),
    "forms-address-that-looks-like-a-star": to_ana(IN, "a: drop example.net | b: junk *", "*", "b"),
    "forms-domain-that-looks-like-a-wildcard": to_ana(IN, "a: drop example.net | b: junk *.example.net", "x@*.example.net", "b"),
    "forms-recipient-that-is-none": to("a: drop * > example.com | b: junk *", "ana", "b"),
}
