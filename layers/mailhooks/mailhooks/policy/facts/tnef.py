"""The message class in a TNEF part, with which Exchange and Outlook send messages as Outlook shows them ([MS-OXTNEF])."""

import struct
from typing import Final

from mailhooks.mime import part_content
from mailhooks.mime.message import Part

_SIGNATURE: Final = 0x223E9F78
_MESSAGE_CLASS: Final = 0x00078008
"""The attribute attMessageClass ([MS-OXTNEF] section 2.1.3.3.1)."""

_OCTETS: Final = 2048
"""The class is one of the first attributes."""


def read_message_class(raw: bytes, part: Part) -> str:
    """Return the message class in lower case, such as `ipm.schedule.meeting.request`; "" if the part has none at its beginning."""
    content = part_content.prefix(raw, part, _OCTETS)
    try:
        [signature] = struct.unpack_from("<I", content)
        at = 6
        while signature == _SIGNATURE:
            _, attribute, length = struct.unpack_from("<BII", content, at)
            if attribute == _MESSAGE_CLASS:
                return content[at + 9 : at + 9 + length].rstrip(b"\0").decode("latin-1").lower()
            # Nine octets before the value, and a checksum of two after it.
            at += length + 11
    except struct.error:
        pass
    return ""
