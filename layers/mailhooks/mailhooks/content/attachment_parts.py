"""The attachments of a message: all parts but multiparts, displayed text and the parts of a signature or encryption.

The declared type is the sender's word. A text, signature or encrypted message whose content is another file, such as a program, is an
attachment too.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from mailhooks.content import filetypes
from mailhooks.mime import filenames, part_content
from mailhooks.mime.message import Part
from mailhooks.patterns import compile_late

_SEALED: Final = frozenset({"multipart/signed", "multipart/encrypted"})

_SEALS: Final = frozenset(
    f"application/{subtype}"
    for subtype in (
        "pkcs7-mime x-pkcs7-mime pkcs7-signature x-pkcs7-signature pgp-signature pgp-encrypted x-microsoft-rpmsg-message".split()
    )
)
_SEAL_EXTENSIONS: Final = frozenset({".p7m", ".p7s", ".p7c", ".p7z", ".asc", ".sig", ".pgp", ".gpg", ".rpmsg"})

_SMIME: Final = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_SMIME_NAME: Final = "smime."
"""The beginning of the names of an S/MIME message (RFC 8551 section 3.2.1). Others are those of files, such as `invoice.xml.p7m`."""

_FIRST_PARTS: Final = 20

_DISPLAYED: Final = frozenset(
    f"text/{subtype}"
    for subtype in "plain html enriched richtext calendar rfc822-headers markdown x-markdown x-amp-html watch-html".split()
)
"""Types of text that mail programs display. They offer text of another type as a file, also without a name."""

_WIDE: Final = compile_late(rb"charset[\s*\d]*=[\s\"']*(?:utf-?(?:16|32)|ucs|unicode|iso-10646)", re.IGNORECASE)
"""Charsets with NULs in an ordinary text."""

_TEXT_EXTENSIONS: Final = frozenset({".txt", ".text", ".htm", ".html", ".xhtml", ".asc", ".md", ".log", ".eml"})


def walk(raw: bytes, root: Part) -> Iterator[tuple[Part, Part | None, bool]]:
    """Yield each attachment of a message with its multipart, and whether it is signed or encrypted together with other parts.

    A forwarded message is one attachment. Those in it are not yielded.
    """
    return ((part, parent, sealed) for part, parent, sealed, displayed in walk_leaves(raw, root) if not displayed)


def walk_leaves(raw: bytes, root: Part) -> Iterator[tuple[Part, Part | None, bool, bool]]:
    """Yield each attachment as `walk` does, and each displayed text, with whether it is displayed text."""
    waiting: list[tuple[Part, Part | None, bool]] = [(root, None, False)]
    while waiting:
        part, parent, sealed = waiting.pop()
        if part.maintype == "multipart":
            sealed = sealed or part.content_type in _SEALED
            waiting.extend((child, part, sealed) for child in reversed(part.children))
        elif _is_displayed(raw, part, parent):
            yield part, parent, sealed, not _is_file(raw, part)
        elif is_smime_file(raw, part, root) or not _is_seal(raw, part) or _is_file(raw, part):
            yield part, parent, sealed, False


def is_smime_file(raw: bytes, part: Part, root: Part) -> bool:
    """Return whether a part is a signed or encrypted file, which is attached to a text, and not an S/MIME message."""
    if part.content_type not in _SMIME or part is root:
        return False
    names = filenames.find_all_filenames(raw, part)
    if not names or any(name.lower().startswith(_SMIME_NAME) for name in names):
        return False
    # Bounded, because a message may have thousands of such parts. Text is one of the first parts.
    parts = list(islice(root.walk(), _FIRST_PARTS))
    return any(_is_displayed(raw, child, parent) for parent in parts if parent.maintype == "multipart" for child in parent.children[:10])


def _is_displayed(raw: bytes, part: Part, parent: Part | None) -> bool:
    """Return whether a part is displayed text. A text with a name is a file, except where no other text can be displayed."""
    if part.content_type not in _DISPLAYED:
        return False
    names = filenames.find_all_filenames(raw, part)
    # A file with the name of a program is not a text, even if its type is a text type.
    if any(filenames.find_extensions(name).last - _TEXT_EXTENSIONS for name in names):
        return False
    named = bool(names)
    if part.header.disposition(raw) == "attachment":
        return part.subtype == "plain" and not named
    if parent is None or parent.content_type == "multipart/alternative":
        return True
    return not named or (parent.content_type == "multipart/related" and parent.children[0] is part)


def _is_seal(raw: bytes, part: Part) -> bool:
    """Return whether a part is a signature or the encrypted message: by its type, and without the name of another kind of file."""
    if part.content_type not in _SEALS:
        return False
    return all(filenames.find_extensions(name).last <= _SEAL_EXTENSIONS for name in filenames.find_all_filenames(raw, part))


def _is_file(raw: bytes, part: Part) -> bool:
    """Return whether the content is a binary file in any reading, and neither text nor a signature."""
    is_wide = any(field.lname == "content-type" and _WIDE.search(field.value(raw)) for field in part.header.fields)
    return any(filetypes.is_binary(content.beginning(filetypes.PREFIX_OCTETS), is_wide=is_wide) for content in part_content.read(raw, part))
