import io
import struct
import time
import zipfile
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.content import zip_packing
from mailhooks.content.zip_archives import ArchiveReader, ZipListing, list_zip
from tests.support.files import PE, archive, encrypted, zipped


def test_a_listing_has_nested_archives_and_no_directories():
    octets = archive("a.txt", "folder/", "folder/b.js", "c.zip", "ünï.exe", method=zipfile.ZIP_DEFLATED)
    assert list_zip(octets) == ZipListing(("a.txt", "folder/b.js", "c.zip", "ünï.exe"), encrypted=False)


def test_a_nul_in_a_listed_name_hides_nothing():
    found = list_zip(archive("a.txtX.exe").replace(b"a.txtX", b"a.txt\0"))
    assert found.names == ("a.txt\0.exe",)


def test_encryption_is_reported():
    found = list_zip(encrypted(archive("secret.doc")))
    assert found.encrypted


def test_a_self_extracting_archive_and_one_with_a_comment_are_listed():
    found = list_zip(PE + archive("setup.js"))
    assert found.names == ("setup.js",)


def test_the_end_of_a_large_archive_is_enough():
    holder = io.BytesIO()
    with zipfile.ZipFile(holder, "w") as made:
        made.writestr("large.bin", bytes(3_000_000))
        made.writestr("b.js", b"x")
    found = list_zip(holder.getvalue())
    assert found.names == ("large.bin", "b.js")


def lying(octets: bytes, offset: int, value: int, size: str = "<I") -> bytes:
    """Replace a value of the end record (APPNOTE section 4.3.16) at `offset`."""
    end = octets.rindex(b"PK\x05\x06")
    changed = bytearray(octets)
    struct.pack_into(size, changed, end + offset, value)
    return bytes(changed)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"PK\x03\x04",
        archive("a.exe")[:-1],
        archive("a.exe")[:40],
        archive("a.exe").replace(b"PK\x01\x02", b"PK\x09\x09"),
        lying(archive("a.exe"), 12, 0xFFFFFF00),
        lying(archive("a.exe"), 12, 7),
    ],
)
def test_a_damaged_archive_cannot_be_listed(octets: bytes):
    assert not list_zip(octets).complete


def test_sizes_in_the_archive_are_not_used():
    found = list_zip(lying(archive("a.exe", "b.exe"), 10, 60_000, "<H"))
    assert found.names == ("a.exe", "b.exe")
    bomb = bytearray(archive("zeros"))
    struct.pack_into("<I", bomb, bytes(bomb).index(b"PK\x01\x02") + 24, 0xFFFFFFFE)
    found = list_zip(bytes(bomb))
    assert found.names == ("zeros",)


def test_an_archive_of_a_hundred_thousand_files_is_not_listed():
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"a"
    directory = entry * 100_000
    octets = directory + b"PK\x05\x06" + bytes(4) + struct.pack("<HHIIH", 34_464, 34_464, len(directory), 0, 0)
    begun = time.perf_counter()
    assert not list_zip(octets).complete
    assert time.perf_counter() - begun < 10  # reading the list needs minutes
    assert list_zip(archive(*map(str, range(1000)))).complete


@pytest.mark.fuzz
@given(st.data())
def test_any_damaged_archive_has_a_listing_or_none(data: st.DataObject):
    octets = bytearray(archive("a.txt", "b/c.exe"))
    for _ in range(data.draw(st.integers(0, 8))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(octets)))
    for piece in (bytes(octets), bytes(octets[cut:]), bytes(octets[:cut])):
        list_zip(piece)


class Pipe(io.RawIOBase):
    """A file that cannot be positioned: the sizes of a file are written behind it."""

    def __init__(self) -> None:
        self.octets = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, octets: Any) -> int:
        self.octets += octets
        return len(octets)


def streamed(method: int, *names: str) -> bytes:
    pipe = Pipe()
    with zipfile.ZipFile(cast("io.BufferedWriter", pipe), "w", method) as made:
        for name in names:
            made.writestr(zipfile.ZipInfo(name), b"content of a file", compress_type=method)
    return bytes(pipe.octets)


def nested(*names: str, inner: str = "inner.zip", method: int = zipfile.ZIP_STORED, depth: int = 1) -> bytes:
    octets = archive(*names)
    for _ in range(depth):
        octets = zipped({inner: octets}, method)
    return octets


def zip64(*names: str) -> bytes:
    holder = io.BytesIO()
    with zipfile.ZipFile(holder, "w") as made:
        for name in names:
            with made.open(zipfile.ZipInfo(name), "w", force_zip64=True) as file:
                file.write(b"content of a file")
    return holder.getvalue()


def with_zip64_end(octets: bytes) -> bytes:
    """Add the records of zip64 and saturate the values of the end record, as programs that write to a pipe do (section 4.3.14)."""
    end = octets.rindex(b"PK\x05\x06")
    count, _, size, start = struct.unpack_from("<HHII", octets, end + 8)
    record = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, start)
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, end, 1)
    return octets[:end] + record + locator + lying(octets, 16, 0xFFFFFFFF)[end:]


ORDINARY = {
    "stored": archive("a.exe", "b.txt"),
    "deflated": archive("a.exe", "b.txt", method=zipfile.ZIP_DEFLATED),
    "bzip2": archive("a.exe", method=zipfile.ZIP_BZIP2),
    "LZMA": archive("a.exe", method=zipfile.ZIP_LZMA),
    "to a pipe, stored": streamed(zipfile.ZIP_STORED, "a.exe", "b.txt"),
    "to a pipe, deflated": streamed(zipfile.ZIP_DEFLATED, "a.exe", "b.txt"),
    "with wide sizes": zip64("a.exe", "b"),
    "with a wide end": with_zip64_end(archive("a.exe", "b")),
    "with a comment": archive("a.exe")[:-2] + b"\5\0Hello",
    "with the line end of a mail program": archive("a.exe") + b"\r\n",
    "in blocks": archive("a.exe") + bytes(400),
    "encrypted": encrypted(archive("a.exe")),
}


@pytest.mark.parametrize("octets", ORDINARY.values(), ids=ORDINARY)
def test_ordinary_archives_are_listed_completely(octets: bytes):
    found = list_zip(octets)
    assert found.complete
    assert found.names[0] == "a.exe"


def renamed(octets: bytes, old: bytes, new: bytes, *, first: bool) -> bytes:
    """Change a name in the header before the file (`first`) or in the directory."""
    at = octets.index(old) if first else octets.rindex(old)
    return octets[:at] + new + octets[at + len(old) :]


def patched(octets: bytes, signature: bytes, offset: int, value: int, size: str = "<H") -> bytes:
    changed = bytearray(octets)
    struct.pack_into(size, changed, octets.index(signature) + offset, value)
    return bytes(changed)


def without_first_entry(octets: bytes) -> bytes:
    """Remove the first file from the directory, and leave its content."""
    at = octets.index(b"PK\x01\x02")
    after = octets.index(b"PK\x01\x02", at + 4)
    end = octets.rindex(b"PK\x05\x06")
    count, _, size, _ = struct.unpack_from("<HHII", octets, end + 8)
    changed = lying(octets, 8, count - 1, "<H")
    changed = lying(lying(changed, 10, count - 1, "<H"), 12, size - (after - at))
    return changed[:at] + changed[after:]


CONTRADICTING = {
    "two, the program first": archive("a.exe") + archive("b.txt"),
    "two, the program last": archive("b.txt") + archive("a.exe"),
    "three": archive("b.txt") + archive("a.exe") + archive("c.txt"),
    "behind a picture": b"GIF89a" + bytes(100) + archive("a.exe"),
    "behind a document": b"%PDF-1.4\n%%EOF\n" + archive("a.exe"),
    "behind a program": PE + archive("a.exe"),
    "before other data": archive("a.exe") + b"%PDF-1.4 behind",
    "another name in the header": renamed(archive("a.exe"), b"a.exe", b"a.txt", first=True),
    "another name in the directory": renamed(archive("a.exe"), b"a.exe", b"a.txt", first=False),
    "encrypted by the header only": patched(archive("a.exe"), b"PK\x03\x04", 6, 1),
    "encrypted by the directory only": patched(archive("a.exe"), b"PK\x01\x02", 8, 1),
    "another size in the header": patched(archive("a.exe"), b"PK\x03\x04", 18, 5, "<I"),
    "another size in the directory": patched(archive("a.exe"), b"PK\x01\x02", 20, 5, "<I"),
    "another method in the header": patched(archive("a.exe"), b"PK\x03\x04", 8, 8),
    "a file that is not in the directory": without_first_entry(archive("a.exe", "b.txt")),
    "a file at the place of another": patched(archive("b.txt", "a.exe"), b"PK\x01\x02", 42, 48, "<I"),
    "a short comment": archive("a.exe")[:-2] + b"\2\0Hello",
    "a long comment": archive("a.exe")[:-2] + b"\x09\0Hello",
    "an end in the comment": archive("a.exe")[:-2] + b"\x16\0" + archive(),
    "a wide end that contradicts": lying(with_zip64_end(archive("a.exe", "b")), 10, 1, "<H"),
    "fewer files": lying(archive("a.exe", "b"), 10, 1, "<H"),
    "on two disks": lying(archive("a.exe"), 4, 1, "<H"),
    "cut": archive("a.exe")[:-1],
    "only headers": archive("a.exe")[: archive("a.exe").index(b"PK\x01\x02")],
    "only a directory": archive("a.exe")[archive("a.exe").index(b"PK\x01\x02") :],
}


@pytest.mark.parametrize("octets", CONTRADICTING.values(), ids=CONTRADICTING)
def test_an_archive_that_programs_list_differently_is_not_complete_and_hides_no_name(octets: bytes):
    found = list_zip(octets)
    assert not found.complete
    assert "a.exe" in found.names


def test_a_name_that_python_cuts_at_the_end_of_the_directory_is_found():
    assert "a.exe" in list_zip(patched(archive("a.exe"), b"PK\x01\x02", 28, 9)).names


def test_encryption_in_any_header_counts():
    assert list_zip(CONTRADICTING["encrypted by the header only"]).encrypted
    assert list_zip(CONTRADICTING["encrypted by the directory only"]).encrypted


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("inner", ["inner.zip", "inner.bin", "lib.jar"])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_archives_in_an_archive_are_listed(method: int, inner: str, depth: int):
    found = list_zip(nested("x/a.exe", inner=inner, method=method, depth=depth))
    assert found.complete
    assert found.names[-1] == f"{inner}/" * depth + "x/a.exe"


def test_an_archive_in_an_archive_that_cannot_be_listed_makes_both_incomplete():
    assert not list_zip(nested("a.exe", depth=6)).complete
    holder = io.BytesIO()
    with zipfile.ZipFile(holder, "w") as made:
        made.writestr(zipfile.ZipInfo("b.zip"), archive("b.txt") + archive("a.exe"))
    found = list_zip(holder.getvalue())
    assert not found.complete
    assert "b.zip/a.exe" in found.names


def test_the_files_of_a_document_in_an_archive_are_not_listed():
    found = list_zip(nested("[Content_Types].xml", "word/settings.bin", inner="letter.docx"))
    assert found == ZipListing(("letter.docx",), encrypted=False)


def test_a_bomb_is_not_unpacked_completely():
    holder = io.BytesIO()
    with zipfile.ZipFile(holder, "w", zipfile.ZIP_DEFLATED) as made:
        for number in range(3):
            made.writestr(zipfile.ZipInfo(f"{number}.zip"), b"PK\x03\x04" + bytes(50_000_000), compress_type=zipfile.ZIP_DEFLATED)
    assert not list_zip(holder.getvalue()).complete


def test_a_name_in_unicode_counts_too():
    octets = archive("a.txt")
    path = b"\1" + bytes(4) + b"a.exe"
    extra = struct.pack("<HH", 0x7075, len(path)) + path
    at = octets.index(b"PK\x01\x02")
    directory = patched(octets, b"PK\x01\x02", 30, len(extra))[at : octets.rindex(b"PK\x05\x06")] + extra
    found = list_zip(octets[:at] + directory + lying(octets, 12, len(directory))[octets.rindex(b"PK\x05\x06") :])
    assert found == ZipListing(("a.txt", "a.exe"), encrypted=False)


def test_names_in_code_page_437_and_in_utf_8_without_a_mark_are_read():
    octets = archive("Xa.exe").replace(b"Xa", b"\x81a")
    assert list_zip(octets).names == ("üa.exe",)
    assert list_zip(archive("XXa.exe").replace(b"XX", "ü".encode())).names[0] == "üa.exe"


PIECES = [
    archive("a.exe"),
    archive("b.txt", "a.exe"),
    archive("b.txt"),
    streamed(zipfile.ZIP_DEFLATED, "a.exe"),
    with_zip64_end(archive("a.exe", "b")),
]


@pytest.mark.fuzz
@given(st.data())
def test_no_name_that_python_lists_is_missing(data: st.DataObject):
    octets = bytearray(b"".join(data.draw(st.lists(st.sampled_from(PIECES), min_size=1, max_size=3))))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(octets) - 1))
        octets[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.one_of(st.binary(max_size=3), st.sampled_from([b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"\1\0", b"\0\0\0\0"]))
        )
    found = list_zip(bytes(octets))
    try:
        with zipfile.ZipFile(io.BytesIO(bytes(octets))) as read:
            names = {entry.orig_filename for entry in read.infolist() if not entry.orig_filename.endswith("/")}
    except Exception:  # noqa: BLE001 - a damaged archive raises any error
        return
    assert {name for name in names if name.isascii()} <= set(found.names)
    if found.complete:
        assert len(names) == len(found.names)


class Bytes:
    """A file that is in memory."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def beginning(self, limit: int, /) -> bytes:
        return self._octets[:limit]

    def ending(self, limit: int, /) -> bytes:
        return self._octets[-limit:]

    def octets(self) -> bytes:
        return self._octets


def containing(name: str, octets: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    holder = io.BytesIO()
    with zipfile.ZipFile(holder, "w", method) as made:
        made.writestr(zipfile.ZipInfo(name), octets, compress_type=method)
    return holder.getvalue()


JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 9
PLACES = [
    ("the file itself", archive("a.exe")),
    ("behind a picture", JPEG + archive("a.exe")),
    ("behind a text", b"Hello" + archive("a.exe")),
    ("behind and before a picture", JPEG + archive("a.exe") + b"\xff\xd9"),
    ("before one octet", b"x" * 2000 + archive("a.exe") + b"y"),
    ("before many octets", b"x" * 2000 + archive("a.exe") + b"y" * 30_000),
    ("before half a record", b"x" * 2000 + archive("a.exe") + b"PK\5\6 is the signature"),
    ("with a comment", JPEG + archive("a.exe")[:-2] + b"\5\0Hello\xff\xd9"),
    ("with a wide end", JPEG + with_zip64_end(archive("a.exe")) + b"\xff\xd9"),
    ("large", bytes(3_000_000) + archive("a.exe") + b"\xff\xd9"),
    ("in an archive behind a picture", JPEG + nested("a.exe", inner="x.dat") + b"\xff\xd9"),
]
METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


@pytest.mark.parametrize("octets", dict(PLACES).values(), ids=dict(PLACES))
def test_an_archive_is_found_at_any_place_of_a_file(octets: bytes):
    listing = ArchiveReader().list_file(Bytes(octets), frozenset({".dat"}))
    assert listing
    assert listing.names[-1].endswith("a.exe")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("octets", dict(PLACES).values(), ids=dict(PLACES))
def test_an_archive_is_found_at_any_place_of_a_file_in_an_archive(octets: bytes, method: int):
    for name in ("x.dat", "photo.jpg"):
        names = list_zip(containing(name, octets, method)).names
        assert names[-1].startswith(f"{name}/")
        assert names[-1].endswith("a.exe")


OPC = ("[Content_Types].xml", "_rels/.rels", "word/document.xml", "word/a.js", "word/b.html")
DOCUMENTS = [
    ("docx", {".docx"}, "", archive(*OPC)),
    ("docx in another order", {".docx"}, "", archive(*reversed(OPC))),
    ("docx, damaged", {".docx"}, "", archive(*OPC)[:-30]),
    ("docx without an extension", set(), "application/vnd.openxmlformats-officedocument.wordprocessingml.document", archive(*OPC)),
    ("docm by type", set(), "application/vnd.ms-word.document.macroenabled.12", archive(*OPC)),
    ("3mf", {".3mf"}, "", archive("[Content_Types].xml", "3D/3dmodel.model")),
    ("odt", {".odt"}, "", archive("mimetype", "content.xml", "Basic/a.js")),
    ("epub", {".epub"}, "", archive("mimetype", "OEBPS/a.html")),
    ("epub without an extension", set(), "application/epub+zip", archive("mimetype", "OEBPS/a.html")),
    ("kmz", {".kmz"}, "", archive("doc.kml", "files/a.js")),
    ("pages", {".pages"}, "", archive("Index/Document.iwa", "Data/a.js")),
]


@pytest.mark.parametrize("extensions, declared, octets", [row[1:] for row in DOCUMENTS], ids=[row[0] for row in DOCUMENTS])
def test_only_programs_are_listed_of_a_document(extensions: set[str], declared: str, octets: bytes):
    assert ArchiveReader().list_file(Bytes(octets), frozenset(extensions), declared) == ZipListing((), encrypted=False)


@pytest.mark.parametrize("name", ["letter.docx", "LETTER.DOCX", "table.xlsx"])
def test_documents_in_any_order_in_an_archive_are_not_listed(name: str):
    for octets in (archive(*OPC), archive(*reversed(OPC)), archive(*OPC)[:-30]):
        assert list_zip(containing(name, octets)) == ZipListing((name,), encrypted=False)


@pytest.mark.parametrize("extension", [".docx", ".xlsm", ".odt", ".epub", ".kmz", ".3mf", ".pages", ".key"])
def test_an_archive_with_the_name_of_a_document_is_listed(extension: str):
    for octets in (archive("a.js", "b.txt"), archive("a.js") + archive("b.txt"), archive("b.txt") + archive("a.js")):
        listing = ArchiveReader().list_file(Bytes(octets), frozenset({extension}))
        assert listing
        assert "a.js" in listing.names


def test_a_program_in_a_document_is_listed():
    for octets in (archive(*OPC, "invoice.exe"), archive(*OPC) + archive("invoice.exe"), archive("invoice.exe") + archive(*OPC)):
        listing = ArchiveReader().list_file(Bytes(octets), frozenset({".docx"}))
        assert listing == ZipListing(("invoice.exe",), encrypted=False)
        assert list_zip(containing("a.docx", octets)).names == ("a.docx", "a.docx/invoice.exe")


TAR = bytes(257) + b"ustar" + bytes(762)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000)
ORDINARY_FILES = [
    ("text", b"Hello"),
    ("empty", b""),
    ("text about archives", b"PK\3\4 begins an archive, and PK\5\6 its last record. PK\1\2 is in the middle of it."),
    ("signature only", b"PK\3\4 magic described"),
    ("picture", JPEG * 20),
    ("document in a message", OLE + archive(*OPC) + bytes(700)),
    ("document in TNEF", b"\x78\x9f\x3e\x22" + archive(*OPC) + b"\2\5\x80\7\0"),
    ("document in other data", b"data" * 100 + archive(*OPC) + b"more data"),
    ("document in tar", TAR + archive(*OPC) + bytes(1024)),
]


@pytest.mark.parametrize("octets", dict(ORDINARY_FILES).values(), ids=dict(ORDINARY_FILES))
def test_files_without_an_archive_are_not_listed(octets: bytes):
    assert ArchiveReader().list_file(Bytes(octets), frozenset({".dat"})) is None
    for method in METHODS:
        assert list_zip(containing("x.dat", octets, method)) == ZipListing(("x.dat",), encrypted=False)
    assert list_zip(streamed_content("x.dat", octets)) == ZipListing(("x.dat",), encrypted=False)


def streamed_content(name: str, octets: bytes) -> bytes:
    pipe = Pipe()
    with zipfile.ZipFile(cast("io.BufferedWriter", pipe), "w", zipfile.ZIP_STORED) as made:
        made.writestr(zipfile.ZipInfo(name), octets, compress_type=zipfile.ZIP_STORED)
    return bytes(pipe.octets)


def test_an_archive_in_a_message_or_tar_is_complete():
    for octets in (
        OLE + archive("a.txt") + bytes(700),
        TAR + archive("a.txt") + bytes(1024),
        b"%PDF-1.4\n" + archive("a.txt") + b"\n%%EOF",
    ):
        assert ArchiveReader().list_file(Bytes(octets), frozenset({".dat"})) == ZipListing(("a.txt",), encrypted=False)


def test_a_large_file_in_an_archive_is_not_searched_and_does_not_make_it_incomplete():
    octets = containing("a.log", bytes(70_000_000))
    assert list_zip(octets) == ZipListing(("a.log",), encrypted=False)


def test_damage_and_a_large_dictionary_are_no_errors():
    for method in METHODS[1:]:
        octets = containing("x.dat", archive("a.exe") * 50, method)
        for at in range(40, len(octets) - 80, 7):
            list_zip(octets[:at] + b"\xff" * 5 + octets[at + 5 :])


def test_the_archives_of_one_message_share_the_bound_of_unpacked_octets(monkeypatch: pytest.MonkeyPatch):
    octets = containing("inner.zip", containing("a.log", bytes(50_000_000), zipfile.ZIP_STORED))
    unpacked: list[int] = []
    unpack = zip_packing.unpack

    def count(packed: memoryview, method: int, limit: int) -> bytes:
        found = unpack(packed, method, limit)
        unpacked.append(len(found))
        return found

    monkeypatch.setattr(zip_packing, "unpack", count)
    reader = ArchiveReader()
    listings = [reader.list_file(Bytes(octets), frozenset({".zip"})) for _ in range(20)]
    assert listings[0] == ZipListing(("inner.zip", "inner.zip/a.log"), encrypted=False)
    assert listings[-1] == ZipListing(("inner.zip",), encrypted=False, complete=False)
    assert sum(unpacked) < 130 * 1024 * 1024
