"""The keywords that the server lists in its answer to EHLO (RFC 5321 section 4.1.1.1)."""

from mailhooks.contract.limits import MAX_MESSAGE_BYTES


def list_ehlo_keywords(*, offers_tls: bool = False, offers_auth: bool = False) -> tuple[str, ...]:
    """Return the EHLO keywords of a connection, in the order in which they are sent."""
    more = [*(["STARTTLS"] if offers_tls else []), *(["AUTH PLAIN LOGIN"] if offers_auth else [])]
    return (f"SIZE {MAX_MESSAGE_BYTES}", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES", *more)
