"""Results of sender and content checks that Amazon SES, which receives WorkMail's mail, writes into the header.

See the SES guide, "Email authentication verdicts"; RFC 8601; RFC 7208 section 9.1. SES puts its fields above those that a sender wrote.
Only the first field of each name counts, and only an Authentication-Results field of SES.
"""

import re
from typing import Final

from mailhooks.policy.facts.message_types import DecodedHeaders

SERVER: Final = "amazonses.com"

RESULTS: Final = frozenset("none pass fail hardfail softfail policy neutral temperror permerror gray processing_failed disabled".split())
"""Results of methods (RFC 8601 section 2.7 and its predecessors), and of SES for spam and viruses."""

_COMMENTS: Final = re.compile(r"\([^()]*\)|\"(?:[^\"\\]|\\.)*+\"")
_RESULT: Final = re.compile(r"(?:^|;)\s*(spf|dkim|dmarc)\s*=\s*([a-z_]+)")


def authentication_results(headers: DecodedHeaders) -> dict[str, frozenset[str]]:
    """Return the results by method (spf, dkim, dmarc, spam, virus), in lower case.

    A method has several results if several signatures were checked. A method without a result is not in the mapping.
    """
    found: dict[str, set[str]] = {}
    plain = _COMMENTS.sub("", headers.first("authentication-results")[:10_000]).lower()
    server, _, rest = plain.partition(";")
    if server.split()[:1] == [SERVER]:
        for method, result in _RESULT.findall(rest):
            found.setdefault(method, set()).add(result)
    for method, name in (("spf", "received-spf"), ("spam", "x-ses-spam-verdict"), ("virus", "x-ses-virus-verdict")):
        word = next(iter(headers.word(name).split()), "")
        if word and method not in found:
            found[method] = {word}
    return {method: frozenset(values) for method, values in found.items()}
