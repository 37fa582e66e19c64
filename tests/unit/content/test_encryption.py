"""Encrypted files are recognized, and files that open without a password are not.

`encrypted_files` has PDFs by pikepdf and 7z archives by 7-Zip and py7zr. `locked` ones need the password `secret`. `owner` ones have an
owner password only, so that every program opens them. The FilePass records were checked by msoffcrypto, and the RAR archives by 7-Zip.
"""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mailhooks.content.encryption import ciphers, pdf
from mailhooks.content.encryption.detect import EncryptionDetector, is_encrypted_archive
from mailhooks.content.encryption.slow_checks import SlowChecks
from mailhooks.content.zip_archives import ArchiveReader
from mailhooks.mime.part_content import Content
from tests.support.files import zipped
from tests.support.ole import write_ole
from tests.support.tables import check_rows

FILES: Final = {path.name: path.read_bytes() for path in sorted((Path(__file__).parent / "encrypted_files").iterdir())}


def content(octets: bytes) -> Content:
    return Content(octets, 0, len(octets))


def detect(octets: bytes) -> bool:
    return EncryptionDetector(ArchiveReader()).is_encrypted(content(octets))


def test_files_of_other_programs_are_judged_by_whether_they_need_a_password() -> None:
    def check(name: str, octets: bytes) -> None:
        assert detect(octets) is name.startswith("locked")

    check_rows(FILES.items(), check)
    assert len(FILES) > 20


LOCKED: Final = FILES["locked-r4-1-1.pdf"]
OWNER: Final = FILES["owner-r3-0-0.pdf"]
PLAIN: Final = FILES["plain.pdf"]

PDFS: Final[list[tuple[str, bytes, bool]]] = [
    ("other octets before", b"junk\r\n" * 50 + LOCKED, True),
    ("letters of the name by number", LOCKED.replace(b"/Encrypt", b"/#45ncryp#74"), True),
    ("encryption in the trailer", b"%PDF-1.4\ntrailer <</Encrypt << /Filter /Standard /V 1 /R 2 >> >>", True),
    ("certificates", b"%PDF-1.4\n5 0 obj <</Filter/Adobe.PubSec/V 4>> endobj trailer<</Encrypt 5 0 R>>", True),
    ("an unknown revision", b"%PDF-1.4\n5 0 obj <</Filter/Standard/V 9/R 9/O()/U()/P 1>> endobj trailer<</Encrypt 5 0 R>>", True),
    ("no object", b"%PDF-1.4\ntrailer<</Encrypt 5 0 R>>", False),
    ("an object of another kind", b"%PDF-1.4\n5 0 obj <</Type/Page>> endobj trailer<</Encrypt 5 0 R>>", False),
    ("in a stream", b"%PDF-1.4\n5 0 obj <</Filter/Standard>>\n6 0 obj <<>> stream\n/Encrypt 5 0 R\nendstream endobj trailer<<>>", False),
    ("updated", OWNER + b"\ntrailer" + OWNER.rpartition(b"trailer")[2], False),
    ("another name", PLAIN.replace(b"/Root", b"/EncryptMetadata 5 0 R/Root"), False),
    ("text about PDF", b"%PDF-1.4 files have /Encrypt 5 0 R in their trailer", False),
    ("other file", b"x" * 2000 + LOCKED, False),
]


def test_pdfs() -> None:
    def check(name: str, octets: bytes, expected: bool) -> None:
        assert detect(octets) is expected

    check_rows(PDFS, check)


def test_strings_of_a_pdf_are_read_in_both_forms() -> None:
    read = pdf._read_dictionary(
        rb"<</A(a\(b(c)\)\\\n\101\
)/B<41 4 >/C/D#20E/F << /A 1 >> /G true /H -44 % x >>"
        + b"\n/I [(x)] /J (\r\n)>> /K 1"
    )
    assert read == {"A": b"a(b(c))\\\nA", "B": b"A@", "C": "D E", "G": "true", "H": -44, "J": b"\n"}


def test_few_passwords_are_tried_for_one_message() -> None:
    detector = EncryptionDetector(ArchiveReader())
    judged = [detector.is_encrypted(content(FILES["owner-r6-1-1.pdf"])) for _ in range(5)]
    assert judged == [False, False, False, False, True]
    assert [SlowChecks(1).allow(), SlowChecks(0).allow()] == [True, False]


def test_the_ciphers_are_those_of_the_standards() -> None:
    assert ciphers.apply_rc4(b"Key", b"Plaintext").hex() == "bbf316e8d940af0ad3"
    key, vector = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"), bytes(range(16))
    blocks = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
    expected = "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"  # NIST SP 800-38A, appendix F.2.1
    assert ciphers._encrypt_cbc(key, vector, blocks).hex() == expected


def record(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


FILE_PASS: Final = {
    name: bytes.fromhex(record)
    for name, record in {
        "RC4": "010001000100000102030405060708090a0b0c0d0e0f13ee5e14c271126fe6dfaf38736f6c86eacb2ce9c96db4084bc74b66d3efa129",
        "CryptoAPI, 40 bits": (
            "010002000200040000007e00000004000000000000000168000004800000280000000100000000000000000000004d006900630072006f0073006f00660074002000"
            "45006e00680061006e006300650064002000430072007900700074006f0067007200610070006800690063002000500072006f007600690064006500720020007600"
            "31002e003000000010000000000102030405060708090a0b0c0d0e0fda61629e0aaa41998166c6267afa92a214000000e0741d3d7d5a19ae2945702685131e954575"
            "ab48"
        ),
        "CryptoAPI, 128 bits": (
            "010002000200040000007e00000004000000000000000168000004800000800000000100000000000000000000004d006900630072006f0073006f00660074002000"
            "45006e00680061006e006300650064002000430072007900700074006f0067007200610070006800690063002000500072006f007600690064006500720020007600"
            "31002e003000000010000000000102030405060708090a0b0c0d0e0fb237b284c70fc0cc713071d0d9e81d1c140000004135dae0c3069f95b8ad701c4217d0b63888"
            "aa08"
        ),
        "XOR": "000034120a9a",
        "XOR of Excel 5": "34120a9a",
    }.items()
}
"""Records of workbooks with the default password, by their encryption."""


def workbook(*records: bytes) -> bytes:
    begin = record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0))
    return begin + b"".join(records) + record(0x85, bytes(8)).ljust(5000, b"\0")


def document(flags: int) -> bytes:
    return (struct.pack("<HHHHHH", 0xA5EC, 0xC1, 0, 0x407, 0, flags)).ljust(5000, b"\0")


def user(token: int) -> bytes:
    return struct.pack("<HHIII", 0, 0xFF6, 20, 20, token) + bytes(12)


OFFICE: Final[list[tuple[str, dict[str, bytes], bool]]] = [
    ("a later Office file", {"EncryptionInfo": bytes(300), "EncryptedPackage": bytes(5000)}, True),
    ("rights management", {"\tDRMContent": bytes(5000), "WordDocument": document(0)}, True),
    ("Word", {"WordDocument": document(0x0100), "1Table": bytes(100)}, True),
    ("Word, not encrypted", {"WordDocument": document(0x1200), "1Table": bytes(100)}, False),
    ("a short Word file", {"WordDocument": document(0x0100)[:200]}, True),
    ("PowerPoint", {"Current User": user(0xF3D1C4DF), "PowerPoint Document": bytes(5000)}, True),
    ("PowerPoint, not encrypted", {"Current User": user(0xE391C05F), "PowerPoint Document": bytes(5000)}, False),
    ("Excel, not encrypted", {"Workbook": workbook()}, False),
    ("Excel, behind another record", {"Workbook": workbook(record(0x86, b""), record(0x2F, bytes(54)))}, True),
    ("Excel 5", {"Book": workbook(record(0x2F, b"\1\2\3\4"))}, True),
    ("Excel, a record that is cut", {"Workbook": workbook(record(0x2F, struct.pack("<HHH", 1, 2, 2)))}, True),
    *((f"default password, {name}", {"Workbook": workbook(record(0x2F, each))}, False) for name, each in FILE_PASS.items()),
    *((f"another password, {name}", {"Workbook": workbook(record(0x2F, each[:-1] + b"?"))}, True) for name, each in FILE_PASS.items()),
    ("a message of Outlook", {"__properties_version1.0": bytes(100), "__substg1.0_1000001F": bytes(6000)}, False),
    ("nothing", {}, False),
]


def test_office_files() -> None:
    def check(name: str, streams: dict[str, bytes], expected: bool) -> None:
        assert detect(write_ole(streams)) is expected

    check_rows(OFFICE, check)


def rar_5(*blocks: bytes) -> bytes:
    framed = (bytes([len(block)]) + block for block in blocks)
    return b"Rar!\x1a\x07\x01\0" + b"".join(struct.pack("<I", zlib.crc32(block)) + block for block in framed)


def rar_4(*blocks: tuple[int, int, bytes, bytes]) -> bytes:
    found = b"Rar!\x1a\x07\0"
    for kind, flags, header, data in blocks:
        block = struct.pack("<BHH", kind, flags, 7 + len(header)) + header
        found += struct.pack("<H", zlib.crc32(block) & 0xFFFF) + block + data
    return found


MAIN_5: Final = b"\1\0\0"
END_5: Final = b"\5\0\0"


def file_5(extra: bytes) -> bytes:
    """Return the header of a file of five octets; with an extra area."""
    sizes = (bytes([len(extra)]) if extra else b"") + b"\5"
    return b"\2" + bytes([2 | bool(extra)]) + sizes + b"\0\5\0\0\0\5a.txt" + extra


ENCRYPTION_5: Final = bytes([1, 0, 0, 15, *range(16), *range(16)])
FILE_4: Final = struct.pack("<IIBIIBBHI", 5, 5, 3, 0, 0x5A210000, 20, 0x30, 5, 32) + b"a.txt"

RARS: Final[list[tuple[str, bytes, bool]]] = [
    ("RAR 5", rar_5(MAIN_5, file_5(b"")) + b"hello" + rar_5(END_5)[8:], False),
    ("RAR 5, encrypted", rar_5(MAIN_5, file_5(bytes([len(ENCRYPTION_5)]) + ENCRYPTION_5)) + b"hello" + rar_5(END_5)[8:], True),
    ("RAR 5, second file", rar_5(MAIN_5, file_5(b"")) + b"hello" + rar_5(file_5(bytes([len(ENCRYPTION_5)]) + ENCRYPTION_5))[8:], True),
    ("RAR 5, another record", rar_5(MAIN_5, file_5(b"\2\3\0")) + b"hello" + rar_5(END_5)[8:], False),
    ("RAR 5, encrypted names", rar_5(bytes([4, 0, 0, 0, 15, *range(16)])), True),
    ("RAR 4", rar_4((0x73, 0, bytes(6), b""), (0x74, 0x8000, FILE_4, b"hello"), (0x7B, 0x4000, b"", b"")), False),
    ("RAR 4, encrypted", rar_4((0x73, 0, bytes(6), b""), (0x74, 0x8004, FILE_4, b"hello"), (0x7B, 0x4000, b"", b"")), True),
    ("RAR 4, second file", rar_4((0x73, 0, bytes(6), b""), (0x74, 0x8000, FILE_4, b"hello"), (0x74, 0x8004, FILE_4, b"")), True),
    ("RAR 4, encrypted names", rar_4((0x73, 0x80, bytes(6), b"")), True),
    ("RAR 4, cut", rar_4((0x73, 0, bytes(6), b""))[:-3], False),
    ("RAR 5, cut", rar_5(MAIN_5)[:-1], False),
    ("a signature alone", b"Rar!\x1a\x07", False),
]


def test_rar_archives() -> None:
    def check(name: str, octets: bytes, expected: bool) -> None:
        assert detect(octets) is expected
        assert is_encrypted_archive(content(octets)) is expected

    check_rows(RARS, check)
    assert not is_encrypted_archive(content(LOCKED))


def open_document(manifest: str, name: str = "META-INF/manifest.xml") -> bytes:
    holder = io.BytesIO()
    with zipfile.ZipFile(holder, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(zipfile.ZipInfo("mimetype"), "application/vnd.oasis.opendocument.text", zipfile.ZIP_STORED)
        made.writestr(zipfile.ZipInfo("content.xml"), "<manifest:encryption-data>" if name == "x" else "x" * 100)
        made.writestr(zipfile.ZipInfo(name), manifest)
    return holder.getvalue()


PACKED: Final[list[tuple[str, bytes, bool]]] = [
    ("OpenDocument", open_document('<m:file-entry><m:encryption-data m:checksum="x">'), True),
    ("OpenDocument, default namespace", open_document("<file-entry><encryption-data>"), True),
    ("OpenDocument, not encrypted", open_document('<manifest:file-entry manifest:full-path="encryption-data"/>'), False),
    ("OpenDocument, in the text", open_document("", "x"), False),
    ("a PDF in a zip archive", zipped({"a": b"hello", "b": LOCKED}), True),
    ("a 7z archive in a zip archive", zipped({"b": FILES["locked-header.7z"]}), True),
    ("an Office file in a zip archive", zipped({"b": write_ole({"EncryptedPackage": bytes(5000)})}), True),
    ("open files in a zip archive", zipped({"a": PLAIN, "b": OWNER, "c": FILES["plain.7z"]}), False),
]


def test_documents_and_files_in_zip_archives() -> None:
    def check(name: str, octets: bytes, expected: bool) -> None:
        assert detect(octets) is expected

    check_rows(PACKED, check)


def test_damaged_files_are_judged_without_an_error() -> None:
    chosen = random.Random(5)
    samples = [*FILES.values(), *(octets for _, octets, _ in RARS), *(write_ole(streams) for _, streams, _ in OFFICE)]
    for octets in samples:
        if b"/R 6" in octets:
            continue
        for _ in range(15):
            damaged = bytearray(octets)
            for _ in range(chosen.choice((1, 3, 20))):
                damaged[chosen.randrange(len(damaged))] = chosen.choice((0, 1, 0x7F, 0xFE, 0xFF, chosen.randrange(256)))
            detect(bytes(damaged[: chosen.randrange(len(damaged))]) if chosen.random() < 0.3 else bytes(damaged))


def _many_small_streams(count: int) -> bytes:
    """Return a file whose directory names one stream again and again, in a long chain of small sectors."""
    name = "WordDocument".encode("utf-16-le")
    entry = name.ljust(64, b"\0") + struct.pack("<HB49xII4x", len(name) + 2, 2, 0, 100)
    fat = struct.pack("<12800I", *range(1, 12801))
    header = bytearray(FILE_MARK.ljust(512, b"\0"))
    struct.pack_into("<HH10xIII4xIIII", header, 30, 9, 6, 100, 100, 0, 0, 0, 0xFFFFFFFE, 0)
    struct.pack_into("<109I", header, 76, *range(100), *[0xFFFFFFFF] * 9)
    return bytes(header) + fat + entry * min(count, 8000)


FILE_MARK: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

HOSTILE: Final[dict[str, Callable[[int], bytes]]] = {
    "mentions of encryption": lambda count: b"%PDF-1.4\n" + b"/Encrypt 5 0 R " * count,
    "mentions of many objects": lambda count: b"%PDF-1.4\n" + b"".join(b"/Encrypt %d 0 R " % each for each in range(count)),
    "objects": lambda count: b"%PDF-1.4\n/Encrypt 5 0 R" + b"5 0 obj <<" * count,
    "open brackets": lambda count: b"%PDF-1.4\n/Encrypt <</Filter/Standard/O" + b"(" * count,
    "spaces": lambda count: b"%PDF-1.4\n/Encrypt" + b" " * count + b"5" + b" " * count,
    "records": lambda count: b"Rar!\x1a\x07\x01\0" + b"\0\0\0\0\2\2\0" * count,
    "streams in small sectors": _many_small_streams,
    "loops of sectors": lambda count: write_ole({"WordDocument": document(0)}) + b"\0" * count,
}


def test_hostile_files_are_judged() -> None:
    for make in HOSTILE.values():
        detect(make(100_000))
