"""Limits of WorkMail's Message Flow API for identifiers and rewritten content.

Sources: the `workmailmessageflow` service model in botocore (patterns, "RawMessageContent"), the WorkMail administrator guide ("Updating
message content with AWS Lambda", "Quotas"). AWS does not publish which headers are required, immutable and unique; the sets below and
`mailhooks.mail_limits.UNIQUE_HEADERS` are an assumption based on RFC 5322 section 3.6.
"""

from typing import Final

from mailhooks.patterns import compile_late

MAX_LINE_OCTETS: Final = 1000
"""Octets of one line with its CRLF (RFC 5321 section 4.5.3.1.6)."""

MAX_MESSAGE_BYTES: Final = 40 * 1024 * 1024
"""Bytes of one message as MIME, in and out (guide, "Quotas")."""

MAX_CONTENT_BYTES: Final = 29 * 1024 * 1024
"""Bytes of one message before it is encoded, in and out (guide, "Quotas"): the decoded content of all parts, without header fields.

The guide does not define what is counted. In base64, 29 MB are nearly 40 MB with their line ends: probably one limit in two units.
"""

MAX_ATTACHMENTS: Final = 500
"""Attachments of one message (guide, "Quotas")."""

MAX_RECIPIENTS: Final = 500
"""Recipients of one outgoing message (guide, "Synchronous Run Lambda action limits")."""

MESSAGE_ID_PATTERN: Final = compile_late(r"[a-z0-9\-]{1,120}")
BUCKET_PATTERN: Final = compile_late(r"[a-z0-9][a-z0-9\-]{2,62}")
KEY_PATTERN: Final = compile_late(r"[a-zA-Z0-9\-/]{1,1024}")
"""A location, for `fullmatch`. A bucket has no dot; a key has neither dot nor underscore, so no key ends in `.eml`."""

REQUIRED_HEADERS: Final = frozenset({"from", "date"})
IMMUTABLE_HEADERS: Final = frozenset({"message-id", "from", "sender", "date"})
"""Lower-case names."""

SES_SINGLE_HEADERS: Final = frozenset(
    """
    accept-language acceptlanguage archived-at auto-submitted bounces-to comments content-alternative content-base content-class
    content-description content-disposition content-duration content-id content-language content-length content-location content-md5
    content-transfer-encoding content-type date delivered-to disposition-notification-options disposition-notification-to
    dkim-signature domainkey-signature errors-to from importance in-reply-to keywords list-archive list-help list-id list-owner
    list-post list-subscribe list-unsubscribe message-context message-id mime-version organization original-from original-message-id
    original-recipient original-subject precedence priority references reply-to return-path return-receipt-to sender solicitation
    sensitivity subject thread-index thread-topic user-agent vbr-info
    """.split()
)
"""Lower-case names of headers that Amazon SES accepts once (developer guide, "Header fields"). It is an assumption that WorkMail uses this
list, and received mail has some of them twice, such as DKIM-Signature."""
