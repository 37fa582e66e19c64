"""The syntax of mail addresses in SMTP. `mailhooks.address_patterns` compares addresses."""

import re
from typing import Final

MAX_ADDRESS_OCTETS: Final = 64 + 1 + 255
"""RFC 5321 sections 4.5.3.1.1 and 4.5.3.1.2 together.

QUIRK: a local part alone may exceed its 64 octets, as in the bounce addresses that mailing lists make for each recipient (VERP).
"""

# RFC 6531 section 3.3, without controls, line ends and lone surrogates. Octets that are not UTF-8 are decoded to lone surrogates.
_BEYOND_ASCII: Final = r"\xa0-\u2027\u202a-\ud7ff\ue000-\U0010ffff"
# QUIRK: dots may be anywhere in a local part; some providers assign addresses with two in a row, or with one at the end.
_LOCAL: Final = rf'(?:[!#-\'*+\-./0-9=?A-Z^-~{_BEYOND_ASCII}]+|"(?:[ !#-\[\]-~{_BEYOND_ASCII}]|\\[ -~])*")'
_LABEL: Final = rf"[0-9A-Za-z_\-{_BEYOND_ASCII}]+"
_MAILBOX: Final = re.compile(rf"{_LOCAL}@(?:{_LABEL}(?:\.{_LABEL})*|\[[!-Z^-~]+\])")


def is_mailbox(text: str) -> bool:
    """Return whether the text is an address that SMTP can carry, with SMTPUTF8 if need be.

    >>> is_mailbox("ana@example.com"), is_mailbox('"a b"@example.com'), is_mailbox("ana@example.com\\r\\nBcc: bo@example.com")
    (True, True, False)
    """
    return _MAILBOX.fullmatch(text) is not None and len(text.encode()) <= MAX_ADDRESS_OCTETS
