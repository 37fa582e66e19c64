"""The keywords that the server lists in its answer to EHLO (RFC 5321 section 4.1.1.1)."""

from mailhooks.contract import FlowDirection
from mailhooks.contract.limits import MAX_MESSAGE_BYTES


def list_ehlo_keywords(direction: FlowDirection) -> tuple[str, ...]:
    """Return the EHLO keywords of the port for one direction, in the order in which they are sent.

    Only the port for submission offers AUTH. It does so without TLS, because it listens on the loopback interface.
    """
    authentication = ("AUTH PLAIN LOGIN",) if direction is FlowDirection.OUTBOUND else ()
    return (f"SIZE {MAX_MESSAGE_BYTES}", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES", *authentication)
