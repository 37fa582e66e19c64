"""One page with a message before and after, side by side: no script, nothing loaded, all of the mail escaped or in a sandbox."""

import base64
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from mailhooks.mime import charset, transfer, words
from mailhooks.mime.errors import CannotEdit
from mailhooks.mime.names import disposition
from mailhooks.mime.scan import Part

from .diff import printable
from .preview import Result
from .preview_lines import Kind, Line, marked, unified
from .preview_parts import Mark, Row, Side

_POLICY = "default-src 'none'; img-src data: cid:; style-src 'unsafe-inline'"
_GUARDS = (
    f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    '<meta http-equiv="x-dns-prefetch-control" content="off"><meta name="referrer" content="no-referrer">'
)
_LINK = re.compile(r"<(?=/?link\b)", re.IGNORECASE)
_CID = re.compile(r"\bcid:([^\s\"'<>()]+)", re.IGNORECASE)
_MAX_TEXT = 300_000
_MAX_IMAGES = 3_000_000
_MAX_FIELDS = 200
_MAX_ROWS = 300
_CLASSES = {Mark.KEPT: "", Mark.CHANGED: "changed", Mark.ADDED: "added"}
_SECTIONS = {"html": "HTML as shown", "text": "Plain text", "structure": "Structure", "header": "Header", "diff": "Changed bytes"}


def page_of(result: Result) -> str:
    """The page. It refers to nothing outside of itself."""
    style = Path(__file__).with_name("page.css").read_text("utf-8")
    name = escape(printable(result.name))
    links = "".join(f'<a href="#{key}">{title}</a>' for key, title in _SECTIONS.items())
    sections = {
        "html": _sides(_frames(result.before), _frames(result.after)),
        "text": _texts(result),
        "structure": _sides(_tree(result.rows_before), _tree(result.rows_after)),
        "header": _headers(result),
        "diff": _pre(unified(result.before.raw, result.change.edits)) or _none("nothing"),
    }
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en"><head><meta charset="utf-8">{_GUARDS}',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{name}: preview</title><style>{style}</style></head><body>",
            f"<header><h1>{name}</h1>{_summary(result)}",
            f'<nav aria-label="Sections">{links}</nav></header><main>',
            *(f'<details open id="{key}"><summary>{title}</summary>{sections[key]}</details>' for key, title in _SECTIONS.items()),
            "</main></body></html>",
            "",
        ]
    )


def _summary(result: Result) -> str:
    before, after = len(result.before.raw), len(result.after.raw)
    sizes = f"{before:,} → {after:,} bytes" if result.changed else f"{before:,} bytes"
    findings = [
        f'<li class="{"" if finding.warning else "refused"}">{"Warning" if finding.warning else "WorkMail would refuse it"}: '
        f"{escape(printable(str(finding)))}</li>"
        for finding in result.findings
    ]
    if result.changed and not findings:
        findings = ["<li>Pre-flight: nothing that WorkMail would refuse</li>"]
    said = [f"{label}: {line}" for label, lines in result.rows for line in lines]
    notes = [f"<li>{escape(printable(note))}</li>" for note in [*said, *result.notes]]
    outcome = f"{escape(result.outcome)}; {escape(printable(result.heading))}; {sizes}"
    return f'<p class="outcome">{outcome}</p><ul class="notes">{"".join([*findings, *notes])}</ul>'


def _sides(before: str, after: str) -> str:
    return f'<div class="sides"><section><h3>Before</h3>{before}</section><section><h3>After</h3>{after}</section></div>'


def _none(what: str) -> str:
    return f'<p class="none">{what}</p>'


def _headers(result: Result) -> str:
    old, new = (Counter(_fields(side)) for side in (result.before, result.after))
    return _sides(_header(result.before, set(old - new), "gone"), _header(result.after, set(new - old), "come"))


def _fields(side: Side) -> list[tuple[str, str]]:
    fields = side.structure.root.header.fields[:_MAX_FIELDS]
    return [(field.name, words.decode(field.value(side.raw)[:4000])) for field in fields]


def _header(side: Side, differing: set[tuple[str, str]], kind: str) -> str:
    rows = []
    for name, value in _fields(side):
        of = f' class="{kind}"' if (name, value) in differing else ""
        rows.append(f'<tr{of}><th scope="row">{escape(name)}</th><td>{escape(printable(value))}</td></tr>')
    return f"<table>{''.join(rows)}</table>"


def _tree(rows: list[Row]) -> str:
    head = "<tr><th>Part</th><th>Type</th><th>Charset</th><th>Encoding</th><th>Bytes</th></tr>"
    more = _none(f"and {len(rows) - _MAX_ROWS:,} more") if len(rows) > _MAX_ROWS else ""
    return f"<table>{head}{''.join(map(_row, rows[:_MAX_ROWS]))}</table>{more}"


def _row(row: Row) -> str:
    part = row.part
    text = part.maintype == "text"
    notes = "".join(f'<span class="note">{escape(printable(note))}</span>' for note in row.notes)
    cells = [
        f"<td>{row.place or 'message'}</td>",
        f'<td style="padding-left:{0.5 + min(row.depth, 12)}rem">{escape(printable(part.content_type))}{notes}</td>',
        f"<td>{escape(printable(part.charset)) if text else ''}</td>",
        f"<td>{'' if part.maintype == 'multipart' else escape(printable(part.encoding))}</td>",
        f'<td class="size">{part.end - part.body:,}</td>',
    ]
    return f'<tr class="{_CLASSES[row.mark]}">{"".join(cells)}</tr>'


def _visible(side: Side, subtype: str) -> Iterator[tuple[Part, str]]:
    """The parts of a kind that a mail program would show, and their text; those of a message that is not to be changed too."""
    for part in side.structure.root.walk():
        if (part.maintype, part.subtype) == ("text", subtype) and not part.embedded and disposition(side.raw, part) != "attachment":
            yield part, charset.decode_loosely(_octets(side.raw, part), part.charset).replace("\0", "\ufffd")[:_MAX_TEXT]


def _octets(raw: bytes, part: Part) -> bytes:
    body = raw[part.body : part.end]
    try:
        return transfer.decode(body, part.encoding)
    except CannotEdit:
        return body


def _texts(result: Result) -> str:
    added = {id(row.part) for row in result.rows_after if row.mark is Mark.ADDED}
    before = [text for _, text in _visible(result.before, "plain")]
    after = list(_visible(result.after, "plain"))
    if len(before) == len(after) and not any(id(part) in added for part, _ in after):
        pairs = [marked(old, new) for old, (_, new) in zip(before, after, strict=True)]
    else:
        pairs = [*((marked(old, old)[0], []) for old in before), *(([], marked("", new)[1]) for _, new in after)]
    return _sides(*("".join(filter(None, (_pre(pair[side]) for pair in pairs))) or _none("no plain text") for side in (0, 1)))


def _pre(lines: Iterable[Line]) -> str:
    spans = [escape(text) if kind is Kind.SAME else f'<span class="{kind}">{escape(text)}</span>' for kind, text in lines]
    # Behind <pre> a first line end is not shown (WHATWG HTML, section 13.2.6.4.7), so that one is given.
    return "<pre tabindex='0'>\n" + "\n".join(spans) + "</pre>" if spans else ""


def _frames(side: Side) -> str:
    """Each HTML in a frame of its own, where no script runs and from which nothing is loaded."""
    images = dict(_images(side))
    left = _MAX_IMAGES

    def shown(reference: re.Match[str]) -> str:
        nonlocal left
        image = images.get(reference[1], "")
        left -= len(image)
        return image if image and left > 0 else reference[0]

    frames = []
    for number, (_, markup) in enumerate(_visible(side, "html"), start=1):
        # A content security policy says nothing of connections that a <link> opens ahead.
        content = _GUARDS + _LINK.sub("<x-", _CID.sub(shown, markup))
        frames.append(f'<iframe sandbox="" title="HTML {number}" tabindex="0" srcdoc="{escape(content)}"></iframe>')
    return "".join(frames) or _none("no HTML")


def _images(side: Side) -> Iterator[tuple[str, str]]:
    """Content-IDs, and what an image is as a `data:` address: in a page there is no other way to show it."""
    left = _MAX_IMAGES
    for part in side.structure.root.walk():
        identity = next(part.header.named("content-id"), None)
        if part.maintype == "image" and identity is not None and part.end - part.body <= left:
            left -= part.end - part.body
            content = base64.b64encode(_octets(side.raw, part)).decode("ascii")
            kind = re.sub(r"[^a-z0-9.+-]", "", part.subtype)
            yield identity.value(side.raw).decode("latin-1").strip("<> "), f"data:image/{kind};base64,{content}"
