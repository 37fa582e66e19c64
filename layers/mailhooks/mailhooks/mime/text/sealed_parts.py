"""Parts whose content is sealed: rights-managed messages, and S/MIME messages in one part."""

from typing import Final

from mailhooks.mime.filenames import find_filename
from mailhooks.mime.message import Part

_PKCS7: Final = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
RIGHTS_MANAGED: Final = "application/x-microsoft-rpmsg-message"
_RIGHTS_MANAGED_NAME: Final = "message"
"""The beginning of the name of that part: `message.rpmsg`, `message_v4.rpmsg`. Other names are those of attached files."""
OPAQUE_NAME: Final = "smime.p7m"
"""The name of the one part of an S/MIME message (RFC 8551 section 3.2.1). Other files are attachments, such as a signed invoice."""


def is_rights_managed(raw: bytes, part: Part) -> bool:
    """Return whether a part is the content of a rights-managed message, and neither an attached file nor in a forwarded message."""
    if part.content_type != RIGHTS_MANAGED or part.embedded:
        return False
    name = find_filename(raw, part).lower()
    return not name or name.startswith(_RIGHTS_MANAGED_NAME)


def is_opaque(raw: bytes, part: Part) -> bool:
    """Return whether a part of type `application` is an S/MIME message in one part, and not a file that is attached."""
    filename = find_filename(raw, part).lower()
    is_message = part.start == 0 or not filename
    return filename == OPAQUE_NAME or (part.content_type in _PKCS7 and is_message)
