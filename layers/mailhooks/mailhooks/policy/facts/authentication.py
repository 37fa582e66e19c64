"""What Amazon SES, which takes in WorkMail's mail, says of a message's sender and content in the header (SES guide, "Email authentication
verdicts"; RFC 8601; RFC 7208 section 9.1).

Whatever a sender wrote of the kind stands below what SES adds: of each field only the first counts, and of Authentication-Results only
SES's own.
"""

import re
from typing import Final

from mailhooks.policy.facts.message_types import DecodedHeaders

SERVER: Final = "amazonses.com"
METHODS: Final = ("spf", "dkim", "dmarc", "spam", "virus")

RESULTS: Final = frozenset("none pass fail hardfail softfail policy neutral temperror permerror gray processing_failed disabled".split())
"""What methods come to (RFC 8601 section 2.7 and its forerunners), and what SES says of spam and viruses."""

_COMMENTS: Final = re.compile(r"\([^()]*\)|\"(?:[^\"\\]|\\.)*+\"")
_RESULT: Final = re.compile(r"(?:^|;)\s*(spf|dkim|dmarc)\s*=\s*([a-z_]+)")


def results(headers: DecodedHeaders) -> dict[str, frozenset[str]]:
    """The results by method, in lower case; several of a method where several signatures were looked at. A method of which nothing
    is said is not there.
    """
    found: dict[str, set[str]] = {}
    stated = headers.first("authentication-results")
    plain = _COMMENTS.sub("", stated[:10_000]).lower()
    server, _, rest = plain.partition(";")
    if server.split()[:1] == [SERVER]:
        for method, result in _RESULT.findall(rest):
            found.setdefault(method, set()).add(result)
    for method, name in (("spf", "received-spf"), ("spam", "x-ses-spam-verdict"), ("virus", "x-ses-virus-verdict")):
        word = next(iter(headers.word(name).split()), "")
        if word and method not in found:
            found[method] = {word}
    return {method: frozenset(values) for method, values in found.items()}
