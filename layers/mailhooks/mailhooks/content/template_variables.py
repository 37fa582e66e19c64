"""What a message's own header says for the variables of a text."""

from typing import Final

from mailhooks.mime import encoded_words
from mailhooks.mime.addresses import parse_display_name
from mailhooks.mime.message import Message

OWN_VARIABLES: Final = frozenset({"fromname", "fromaddress", "fromdomain", "subject", "date"})
"""What every message tells, in lower case; a directory may know more."""


def own_values(message: Message, mail_from: str) -> dict[str, str]:
    """The values of `OWN_VARIABLES` for a message that comes from this address; `""` for what it does not tell."""
    values: dict[str, bytes] = {}
    for found in message.header.fields:
        values.setdefault(found.lname, found.value(message.raw))
    # Parsed before it is decoded: an encoded word may hold commas and brackets (RFC 2047 section 5).
    name = parse_display_name(values.get("from", b"").decode("latin-1"))
    return {
        "fromname": encoded_words.decode(name.encode("latin-1")),
        "fromaddress": mail_from,
        "fromdomain": mail_from.rpartition("@")[2],
        "subject": encoded_words.decode(values.get("subject", b"")),
        "date": encoded_words.decode(values.get("date", b"")),
    }
