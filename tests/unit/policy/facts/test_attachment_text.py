"""The text of attachments, as their reader sees it."""

import time
from collections.abc import Callable
from typing import Final

from mailhooks.content.zip_archives import ArchiveReader
from mailhooks.deadline import Deadline
from mailhooks.mime.part_content import Content
from mailhooks.policy import Trace
from mailhooks.policy.facts.attachment_text import FileDescription, TextReader
from tests.support.files import zipped
from tests.support.messages import mixed, part
from tests.support.policies import evaluate, mail, make_policy
from tests.support.tables import check_rows

LIMIT: Final = 256 * 1024


def read(octets: bytes, *extensions: str, content_type: str = "", charset: str = "", limit: int = LIMIT) -> str:
    return reader_and_text(octets, *extensions, content_type=content_type, charset=charset, limit=limit)[1]


def reader_and_text(
    octets: bytes, *extensions: str, content_type: str = "", charset: str = "", limit: int = LIMIT, deadline: Deadline | None = None
) -> tuple[TextReader, str]:
    reader = TextReader(ArchiveReader(), limit, deadline)
    return reader, reader.read(Content(octets, 0, len(octets)), FileDescription(frozenset(extensions), content_type, charset))


def office(**parts: str) -> bytes:
    return zipped({"[Content_Types].xml": "<Types/>", **{name.replace("__", "/") + ".xml": content for name, content in parts.items()}})


def word(body: str) -> bytes:
    return office(word__document=f'<w:document xmlns:w="w"><w:body>{body}</w:body></w:document>')


def run(text: str) -> str:
    return f'<w:r><w:rPr><w:b/></w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def sheet(cells: str) -> bytes:
    return office(xl__worksheets__sheet1=f"<worksheet><sheetData><row>{cells}</row></sheetData></worksheet>")


def open_document(body: str, part: str = "content.xml") -> bytes:
    return zipped(
        {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<a/>", part: f'<o:body xmlns:o="o">{body}</o:body>'}
    )


WORDS: Final[list[tuple[str, bytes, list[str]]]] = [
    ("split runs", word(f"<w:p>{run('in')}<w:proofErr/>{run('voice')}</w:p>"), ["invoice"]),
    ("paragraphs", word(f"<w:p>{run('one')}</w:p><w:p>{run('two')}</w:p>"), ["one", "two"]),
    (
        "cells of a table",
        word(f"<w:tbl><w:tr><w:tc><w:p>{run('one')}</w:p></w:tc><w:tc><w:p>{run('two')}</w:p></w:tc></w:tr></w:tbl>"),
        ["one", "two"],
    ),
    (
        "breaks and tabs",
        word(f"<w:p>{run('one')}<w:r><w:br/></w:r>{run('two')}<w:r><w:tab/></w:r>{run('three')}</w:p>"),
        ["one", "two", "three"],
    ),
    ("references", word(f"<w:p>{run('caf&#233; &amp; co')}</w:p>"), ["café", "&", "co"]),
    ("a text box", word(f"<w:p>{run('one')}<w:r><w:txbxContent><w:p>{run('two')}</w:p></w:txbxContent></w:r></w:p>"), ["one", "two"]),
    ("deleted text", word(f"<w:p>{run('in')}<w:del><w:r><w:delText>xx</w:delText></w:r></w:del>{run('voice')}</w:p>"), ["invoice"]),
    ("codes of fields", word(f"<w:p><w:r><w:instrText>HYPERLINK x</w:instrText></w:r>{run('one')}</w:p>"), ["one"]),
    ("a hyphen", word(f"<w:p>{run('e')}<w:r><w:noBreakHyphen/></w:r>{run('mail')}</w:p>"), ["e-mail"]),
    ("another prefix", office(word__document2='<x:document xmlns:x="w"><x:p><x:t>one</x:t></x:p></x:document>'), ["one"]),
    ("no prefix", office(word__document='<document xmlns="w"><p><t>one</t></p></document>'), ["one"]),
    (
        "UTF-16",
        zipped(
            {"[Content_Types].xml": "", "word/document.xml": '<?xml version="1.0" encoding="UTF-16"?><p><t>éa</t></p>'.encode("utf-16")}
        ),
        ["éa"],
    ),
    (
        "a header and a comment",
        office(word__header1="<w:p xmlns:w='w'><w:t>one</w:t></w:p>", word__comments="<p><t>two</t></p>"),
        ["one", "two"],
    ),
    ("an unknown encoding", office(word__document='<?xml version="1.0" encoding="one"?><t>one</t>'), ["one"]),
    ("tags in the wrong order", word(run("one") + "</w:x></w:t>" + run("two")), ["onetwo"]),
    ("sections and comments", word("<w:t>in<!-- <w:t>x</w:t> --><![CDATA[voi]]>ce<?x y?> <![CDATA[<w:p>]]></w:t>"), ["invoice", "<w:p>"]),
    ("styles and themes", office(word__styles="<p><t>one</t></p>", word__theme__theme1="<p><t>two</t></p>", docProps__core="<t>x</t>"), []),
    ("shared strings", office(xl__sharedStrings="<sst><si><t>one</t></si><si><r><t>t</t></r><r><t>wo</t></r></si></sst>"), ["one", "two"]),
    ("phonetic guides", office(xl__sharedStrings="<sst><si><t>東</t><rPh><t>ヒガシ</t></rPh><r><t>京</t></r></si></sst>"), ["東京"]),
    ("numbers of strings", sheet('<c t="s"><v>7</v></c><c t="b"><v>1</v></c><c t="e"><v>#N/A</v></c>'), []),
    ("numbers", sheet("<c><v>4111111111111111</v></c><c><v>12.5</v></c>"), ["4111111111111111", "12.5"]),
    (
        "a large number",
        sheet("<c><v>4.111111111111111E15</v></c><c><v>5.105105105105100E+15</v></c>"),
        ["4111111111111111", "5105105105105100"],
    ),
    ("inline strings", sheet('<c t="inlineStr"><is><t>one</t></is></c><c t="str"><f>A1&amp;"x"</f><v>two</v></c>'), ["one", "two"]),
    ("the name of a sheet", office(xl__workbook='<workbook><sheets><sheet name="one two"/></sheets></workbook>'), ["one", "two"]),
    (
        "a header of a sheet",
        office(xl__worksheets__sheet1='<w><headerFooter><oddHeader>&amp;C&amp;"Arial"one&amp;R&amp;8two</oddHeader></headerFooter></w>'),
        ["one", "two"],
    ),
    (
        "notes of a sheet",
        office(xl__comments1="<c><text><r><t>one</t></r></text></c>", xl__threadedComments__t1="<c><text>two</text></c>"),
        ["one", "two"],
    ),
    ("a chart", office(xl__charts__chart1="<c:s xmlns:c='c'><c:pt><c:v>one</c:v></c:pt><c:pt><c:v>two</c:v></c:pt></c:s>"), ["one", "two"]),
    (
        "slides before their templates",
        office(ppt__slideMasters__s1="<p><t>two</t></p>", ppt__slides__slide1="<p><t>one</t></p>"),
        ["one", "two"],
    ),
    (
        "notes of a slide",
        office(ppt__notesSlides__n1="<a:p xmlns:a='a'><a:r><a:t>one</a:t></a:r><a:br/><a:r><a:t>two</a:t></a:r></a:p>"),
        ["one", "two"],
    ),
    ("spans", open_document("<o:p>in<o:span>voice</o:span></o:p><o:h>two</o:h>"), ["invoice", "two"]),
    (
        "spaces",
        open_document('<o:p>one<o:s text:c="3" xmlns:text="t"/>two<o:tab/>three<o:line-break/>four</o:p>'),
        ["one", "two", "three", "four"],
    ),
    ("tracked changes", open_document("<o:tracked-changes><o:p>old</o:p></o:tracked-changes><o:p>one</o:p>"), ["one"]),
    (
        "a note",
        open_document("<o:p>one<o:annotation><o:creator>Ana</o:creator><o:date>2026</o:date><o:p>two</o:p></o:annotation></o:p>"),
        ["one", "two"],
    ),
    ("a header", open_document("<o:header><o:p>one</o:p></o:header>", "styles.xml"), ["one"]),
    ("a cell", open_document('<o:table-cell o:value="1234.5"><o:p>1,234.50</o:p></o:table-cell>'), ["1,234.50"]),
    ("outside of paragraphs", open_document("<o:x>one</o:x>"), []),
]


def test_the_text_of_office_files() -> None:
    def check(name: str, octets: bytes, expected: list[str]) -> None:
        reader, text = reader_and_text(octets)
        assert text.split() == expected
        assert not reader.is_cut

    check_rows(WORDS, check)


MAIL: Final = (
    b"From: ana@example.net\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nPHA+b25lPC9wPg==\r\n"
)

TEXTS: Final[list[tuple[str, str, list[str]]]] = [
    ("plain", read(b"one two"), ["one", "two"]),
    ("a charset", read("naïve".encode("latin-1"), charset="iso-8859-1"), ["naïve"]),
    ("no charset", read("naïve".encode()), ["naïve"]),
    ("Windows", read("naïve".encode("cp1252")), ["naïve"]),
    ("UTF-16 with a mark", read("\ufeffnaïve".encode("utf-16-le")), ["naïve"]),
    ("UTF-16 without a mark", read("one two three".encode("utf-16-le")), ["one", "two", "three"]),
    ("CSV", read(b"a;4111111111111111\r\n", ".csv", content_type="application/vnd.ms-excel"), ["a;4111111111111111"]),
    ("JSON", read(b'{"a": "one"}', ".json"), ['{"a":', '"one"}']),
    (
        "XML",
        read(b'<?xml version="1.0" encoding="iso-8859-1"?><a b="one">\xe9&#233;</a>', ".xml"),
        ["<?xml", 'version="1.0"', 'encoding="iso-8859-1"?><a', 'b="one">éé</a>'],
    ),
    ("HTML", read(b"<html><p>in<b>voice</b></p><style>x</style><p>two", ".dat"), ["invoice", "two"]),
    ("HTML by its name", read(b"one<br>two", ".html"), ["one", "two"]),
    ("HTML with a charset", read(b'<html><meta charset="windows-1251">\xe4\xe0', ".htm"), ["да"]),
    ("a message", read(MAIL, content_type="message/rfc822"), ["one"]),
    ("a message file", read(MAIL, ".eml", content_type="application/octet-stream"), ["one"]),
    (
        "RTF",
        read(rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\*\generator x;}\f0\fs22 in\b voice\b0\par two}", ".doc"),
        ["invoice", "two"],
    ),
    ("RTF with groups", read(rb"{\rtf1 {\i i}{\b n}voice\line tw{\*\bkmkstart x}o\cell\{3\}}"), ["invoice", "two", "{3}"]),
    ("RTF with octets", read(rb"{\rtf1\ansicpg1251 \'e4\'e0 caf\u233?  \u-10179?\u-8704?}"), ["да", "café", "\U0001f600"]),
    (
        "RTF with fonts",
        read(rb"{\rtf1{\fonttbl{\f0\fcharset0 A;}{\f1\fcharset204 B;}{\f2\fcharset128 C;}}\f1\'e4\'e0\f2  \'93\'8c}"),
        ["да", "東"],
    ),
    (
        "RTF with fields",
        read(rb"{\rtf1{\field{\*\fldinst HYPERLINK x}{\fldrslt one}}{\pict 0001}{\bin4 }}}}two\~three\uc0\u233}"),
        ["onetwo", "threeé"],
    ),
    ("RTF without an end", read(rb"{\rtf1 one {{{\b \'9"), ["one", "'9"]),
    ("a PDF", read(b"%PDF-1.4\n%\xe2\xe3\n1 0 obj (one)", ".txt"), []),
    ("a picture", read(b"\x89PNG\r\n\x1a\n\0\0\0one"), []),
    ("unknown octets", read(b"one\0\1\2\3\4two"), []),
    ("nothing", read(b""), []),
    ("an archive", read(zipped({"a.txt": b"one", "b/c.html": b"<p>t<b>wo</b>", "d.png": b"\x89PNG\r\n\x1a\n\0x"})), ["one", "two"]),
    ("an Office file in an archive", read(zipped({"a.docx": word(run("one"))})), ["one"]),
    ("an archive in an archive", read(zipped({"a.zip": zipped({"a.txt": b"one"})})), []),
    ("an Office file under another name", read(word(run("one")), ".txt", content_type="text/plain"), ["one"]),
]


def test_the_text_of_other_files() -> None:
    def check(name: str, text: str, expected: list[str]) -> None:
        assert text.split() == expected

    check_rows(TEXTS, check)


BOMB: Final = zipped({"[Content_Types].xml": "", "word/document.xml": b"<p>" + b"<t>a</t>" * 600_000})
"""5 MB of XML."""

CUT: Final[dict[str, Callable[[], tuple[TextReader, str]]]] = {
    "a long text": lambda: reader_and_text(b"one " * 100, limit=50),
    "a long document": lambda: reader_and_text(word(run("one ") * 100), limit=50),
    "a bomb": lambda: reader_and_text(BOMB, limit=4 * 1024 * 1024),
    "entities": lambda: reader_and_text(office(word__document='<!DOCTYPE a [<!ENTITY b "one">]><p><t>&b;</t></p>')),
    "external entities": lambda: reader_and_text(office(word__document='<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><t>&b;</t>')),
    "many files": lambda: reader_and_text(zipped({f"{number}.txt": b"one" for number in range(1100)})),
    "many large files": lambda: reader_and_text(zipped({f"{number}.txt": b"one " * 60_000 for number in range(100)})),
    "no time": lambda: reader_and_text(b"one", deadline=Deadline(time.monotonic() - 1)),
}


def test_what_is_not_read_to_its_end_is_reported() -> None:
    def check(name: str, call: Callable[[], tuple[TextReader, str]]) -> None:
        reader, text = call()
        assert reader.is_cut
        assert len(text) <= 16 * 1024 * 1024
        assert "root:" not in text

    check_rows(CUT.items(), check)
    assert CUT["a long text"]()[1].split()[:3] == ["one", "one", "one"]


def test_a_message_has_one_bound_for_all_texts() -> None:
    reader = TextReader(ArchiveReader(), LIMIT)
    text = b"one " * 50_000
    found = [reader.read(Content(text, 0, len(text)), FileDescription(frozenset())) for _ in range(100)]
    assert 70 < sum(map(bool, found)) < 100
    assert reader.is_cut


def test_hostile_rtf_is_read() -> None:
    for piece in (
        b"{",
        b"}",
        b"{\\*",
        b"\\u1",
        b"\\f1",
        b"{\\fonttbl{\\f1\\fcharset2",
        b"\\'",
        b"\\bin-1 ",
        b"\\bin9999999999",
        b"\\uc9\\u1 ",
        b"\\",
        b"'",
    ):
        read(b"{\\rtf1 " + piece * (200_000 // len(piece)))


def test_damaged_office_files_are_read() -> None:
    for _, octets, _ in WORDS[::3]:
        for at in range(0, len(octets), 7):
            read(octets[:at])
            read(octets[:at] + bytes([octets[at] ^ 0xFF]) + octets[at + 1 :])


def test_the_trace_has_a_note_on_a_text_that_is_cut() -> None:
    rule = {"when": {"attachment": {"text": {"words": "one", "first_kb": 1}}}, "do": "drop"}
    for octets, is_noted in ((b"two", False), (b"two " * 1000, True)):
        trace = Trace()
        evaluate(make_policy(rule), mail(mixed(part("text/plain", "a.txt", octets))), trace=trace)
        [seen] = trace.rules[0].conditions
        assert ("not read to its end" in seen.observed) is is_noted
