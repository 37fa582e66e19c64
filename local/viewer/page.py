"""One page with a message before and after, side by side: no script, nothing loaded, all of the mail escaped or in a sandbox."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from local.console.text_columns import printable
from local.viewer.diff import Kind, Line, diff_messages
from local.viewer.part_changes import Mark, Row, Side
from local.viewer.preview_result import Result
from local.viewer.rendered import documents, headers, texts

_POLICY = "default-src 'none'; img-src data: cid:; style-src 'unsafe-inline'"
_GUARDS = (
    f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    '<meta http-equiv="x-dns-prefetch-control" content="off"><meta name="referrer" content="no-referrer">'
)
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
        "diff": _pre(diff_messages(result.before.raw, result.after.raw).unified()) or _none("nothing"),
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
    before, after = headers(result.before, result.after)
    return _sides(_header(before, "removed"), _header(after, "added"))


def _header(fields: list[tuple[str, str, bool]], kind: str) -> str:
    rows = []
    for name, value, differs in fields:
        of = f' class="{kind}"' if differs else ""
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


def _texts(result: Result) -> str:
    added = frozenset(id(row.part) for row in result.rows_after if row.mark is Mark.ADDED)
    return _sides(*("".join(map(_pre, side)) or _none("no plain text") for side in texts(result.before, result.after, added)))


def _pre(lines: Iterable[Line]) -> str:
    spans = [escape(text) if kind is Kind.SAME else f'<span class="{kind}">{escape(text)}</span>' for kind, text in lines]
    # Behind <pre> a first line end is not shown (WHATWG HTML, section 13.2.6.4.7), so that one is given.
    return "<pre tabindex='0'>\n" + "\n".join(spans) + "</pre>" if spans else ""


def _frames(side: Side) -> str:
    """Each HTML in a frame of its own, where no script runs and from which nothing is loaded."""
    frames = [
        f'<iframe sandbox="" title="HTML {number}" tabindex="0" srcdoc="{escape(_GUARDS + content)}"></iframe>'
        for number, content in enumerate(documents(side), start=1)
    ]
    return "".join(frames) or _none("no HTML")
