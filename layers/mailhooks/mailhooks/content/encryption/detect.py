"""Recognize an encrypted file, by its content. Its name and its declared type do not matter."""

from typing import Final

from mailhooks.content.encryption.slow_checks import SlowChecks
from mailhooks.content.zip_archives import ArchiveReader, File
from mailhooks.patterns import compile_late

_BEGINNING_OCTETS: Final = 1024
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_7Z: Final = b"7z\xbc\xaf\x27\x1c"
_RAR: Final = b"Rar!\x1a\x07"
_OPEN_DOCUMENT: Final = compile_late(rb"(?s)PK\x03\x04.{26}mimetypeapplication/vnd\.oasis\.opendocument")
_MANIFEST: Final = "META-INF/manifest.xml"
_ENCRYPTED_ENTRY: Final = compile_late(rb"<(?:[\w.-]+:)?encryption-data\b")
"""OpenDocument 1.3, part 2, section 3.4.1."""


class EncryptionDetector:
    """Recognizes the encrypted files of one message, within bounds for all of them."""

    def __init__(self, archives: ArchiveReader) -> None:
        self._archives = archives
        self._checks = SlowChecks()

    def is_encrypted(self, file: File) -> bool:
        """Return whether a file needs a password, or a file directly in a zip archive. Never raises; time is linear, for any content.

        The encrypted files of a zip archive itself are found by `ArchiveReader.list_file`.
        """
        if _detect(file, self._archives, self._checks):
            return True
        if not file.beginning(4).startswith(b"PK"):
            return False
        return any(_detect(inner, self._archives, self._checks) for _, inner in self._archives.open_files(file))


def _detect(file: File, archives: ArchiveReader, checks: SlowChecks) -> bool:
    beginning = file.beginning(_BEGINNING_OCTETS)
    if _OPEN_DOCUMENT.match(beginning):
        manifests = (content for name, content in archives.open_files(file) if name == _MANIFEST)
        return any(_ENCRYPTED_ENTRY.search(content.octets()) for content in manifests)
    # Late imports: a message rarely has more than one of these.
    if b"%PDF-" in beginning:
        from mailhooks.content.encryption.pdf import is_encrypted_pdf

        return is_encrypted_pdf(file.octets(), checks)
    if beginning.startswith(_OLE):
        from mailhooks.content.encryption.office import is_encrypted_office_file

        return is_encrypted_office_file(file.octets())
    return is_encrypted_archive(file)


def is_encrypted_archive(file: File) -> bool:
    """Return whether a file is a 7z or RAR archive with an encrypted file or an encrypted list of files."""
    beginning = file.beginning(_BEGINNING_OCTETS)
    if not beginning.startswith((_7Z, _RAR)):
        return False
    from mailhooks.content.encryption.archives import is_encrypted_7z, is_encrypted_rar

    return is_encrypted_7z(file.octets()) if beginning.startswith(_7Z) else is_encrypted_rar(file.octets())
