"""The attachments of a message: all parts but multiparts, displayed text and the parts of a signature or encryption."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from mailhooks.mime import filenames
from mailhooks.mime.message import Part

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

_TEXT_EXTENSIONS: Final = frozenset({".txt", ".text", ".htm", ".html", ".xhtml", ".asc", ".md", ".log", ".eml"})


def walk(raw: bytes, root: Part) -> Iterator[tuple[Part, Part | None, bool]]:
    """Yield each attachment of a message with its multipart, and whether it is signed or encrypted together with other parts.

    A forwarded message is one attachment. Those in it are not yielded.
    """
    waiting: list[tuple[Part, Part | None, bool]] = [(root, None, False)]
    while waiting:
        part, parent, sealed = waiting.pop()
        if part.maintype == "multipart":
            sealed = sealed or part.content_type in _SEALED
            waiting.extend((child, part, sealed) for child in reversed(part.children))
        elif not _is_displayed(raw, part, parent) and (is_smime_file(raw, part, root) or not _is_seal(raw, part)):
            yield part, parent, sealed


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
    if part.maintype != "text":
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
