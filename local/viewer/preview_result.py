"""`python -m local preview`: what a disclaimer or a policy would make of a message, without a WorkMail, and why."""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from local.console.style import WIDTH, Style, display_path
from local.console.text_columns import fit, printable
from local.errors import PreviewError
from local.mail.event_builder import with_crlf
from local.viewer.diff import diff_messages
from local.viewer.part_changes import Mark, Row, Side, done, untouched
from mailhooks.content.change import Change, OnUnmodifiable
from mailhooks.content.disclaimer import Disclaimer, OnNoText, Position
from mailhooks.content.template_variables import OWN_VARIABLES, own_values
from mailhooks.errors import SettingsError
from mailhooks.hooks.functions.disclaimer import with_images
from mailhooks.hooks.preflight import Rejection, rejections
from mailhooks.mime.edits import splice
from mailhooks.mime.headers import scan as scan_header
from mailhooks.mime.message import Message
from mailhooks.mime.text.body import Blocked

_LABEL = 12
_MAX_ROWS = 60
_HTML, _TEXT = frozenset({".html", ".htm"}), frozenset({".txt"})
_ADDRESS = re.compile(r"<([^<>\s]+@[^<>\s]+)>|([^<>\s,;:\"()]+@[^<>\s,;:\"()]+)")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it.

    Attributes:
        name: of the message's file.
        heading: what was to be done, in a few words.
        before, after: the message; the same one when nothing was changed.
        change: how one becomes the other.
        outcome: that in words, with the reason when nothing was changed.
        rows_before, rows_after: their parts.
        findings: for what WorkMail might refuse the changed message.
        notes: what else there is to know.
        rows: more to know, each with a label.
    """

    name: str
    heading: str
    before: Side
    after: Side
    change: Change
    outcome: str
    rows_before: list[Row]
    rows_after: list[Row]
    findings: list[Rejection]
    notes: list[str]
    rows: tuple[tuple[str, list[str]], ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.change.edits)


def preview(file: Path, trying: Callable[[str, bytes], Result], *, out: Path | None, page: Path | None) -> int:
    """Prints what becomes of the message in `file`, and writes it to `out`, and to `page` both to look at.

    Args:
        trying: makes the result of a file's name and content.

    Returns:
        0, also when nothing may be changed.

    Raises:
        PreviewError: the file is empty, or would be overwritten.
    """
    raw = file.read_bytes()
    if not raw:
        raise PreviewError(f"{display_path(file)} is empty")
    for target in (out, page):
        if target is not None and target.exists() and target.samefile(file):
            raise PreviewError(f"{display_path(target)} is the message itself: it would be overwritten")
    result = trying(file.name, raw)
    print(*report(result, Style.of(sys.stdout)), sep="\n")
    if out:
        out.write_bytes(result.after.raw)
        print(f"\nWritten: {display_path(out)}")
    if page:
        from local.viewer.page import page_of

        page.write_text(page_of(result), "utf-8", errors="replace")
        print(f"Page: {display_path(page)}")
    return 0


def disclaimer_of(
    given: str,
    text: str | None = None,
    *,
    position: str = Position.APPEND,
    on_unmodifiable: str = OnUnmodifiable.PASS,
    on_no_text: str = OnNoText.PASS,
    images: Path | None = None,
) -> Disclaimer:
    """The disclaimer that somebody named on the command line.

    Args:
        given: an HTML file, a text file, or the text itself.
        text: the plain text beside an HTML file: a file or the text itself.
        images: a folder with those that the HTML shows.

    Raises:
        PreviewError: there is nothing to say, or it cannot be read.
    """
    plain, markup = _read(given)
    if text is not None:
        if plain:
            raise PreviewError("--text goes with an HTML disclaimer; the one given is plain text itself")
        plain, of_text = _read(text)
        if of_text:
            raise PreviewError("--text takes plain text, not an HTML file")
    if not (plain or markup).strip():
        raise PreviewError("the disclaimer is empty")
    if images is not None and not images.is_dir():
        raise PreviewError(f"{display_path(images)} is no folder")
    try:
        markup, attached = with_images(markup, images) if images else (markup, ())
    except SettingsError as error:
        raise PreviewError(str(error)) from None
    return Disclaimer(
        plain,
        markup,
        Position(position),
        on_unmodifiable=OnUnmodifiable(on_unmodifiable),
        on_no_text=OnNoText(on_no_text),
        images=attached,
    )


def _read(given: str) -> tuple[str, str]:
    """Plain text and HTML, one of them empty."""
    path = Path(given)
    suffix = path.suffix.lower()
    try:
        is_file = path.is_file()
    except OSError:  # no file has so long a name
        is_file = False
    if not is_file:
        if suffix in _HTML | _TEXT and "\n" not in given:
            raise PreviewError(f"there is no file {given}")
        return given, ""
    try:
        content = path.read_text("utf-8-sig")
    except ValueError:
        raise PreviewError(f"{display_path(path)}: save it as UTF-8") from None
    return ("", content) if suffix in _HTML else (content, "")


def tried(name: str, raw: bytes, disclaimer: Disclaimer) -> Result:
    """The message with and without the disclaimer."""
    before, heading = Side(Message(raw)), f"position {disclaimer.position}"
    values = own_values(before.message, _author(raw))
    try:
        change = disclaimer.change(before.message, values)
        outcome = "changed" if change.edits else _why_nothing(disclaimer, values)
    except Blocked as blocked:
        change, outcome = Change([]), f"declined: {blocked.obstacle}"
    if not change.edits:
        rows = untouched(before)
        return Result(name, heading, before, before, change, outcome, rows, rows, [], _notes(raw, disclaimer))
    changed = splice(raw, change.edits)
    after = Side(Message(changed))
    return Result(
        name,
        heading,
        before,
        after,
        change,
        outcome,
        [Row(place, depth, part) for place, depth, part in before.placed()],
        done(before, after, change.edits, disclaimer, disclaimer.templates[0].render(values)),
        # As SMTP would bring it: to WorkMail a bare LF ends no line.
        rejections(with_crlf(raw), with_crlf(changed), added_parts=change.added_parts),
        _notes(raw, disclaimer),
    )


def _author(raw: bytes) -> str:
    """The first address in From: WorkMail's event has it as `mailFrom`."""
    field = next(scan_header(raw).named("from"), None)
    found = _ADDRESS.search(field.value(raw)[:2000].decode("latin-1")) if field else None
    return (found[1] or found[2]) if found else ""


def _why_nothing(disclaimer: Disclaimer, values: dict[str, str]) -> str:
    text = disclaimer.templates[0].render(values)
    return "nothing to do: the message has this disclaimer" if text.strip() else "nothing to do: the disclaimer is empty for this message"


def _notes(raw: bytes, disclaimer: Disclaimer) -> list[str]:
    notes = []
    unknown = sorted(frozenset().union(*(template.variables for template in disclaimer.templates)) - OWN_VARIABLES)
    if unknown:
        notes.append(f"empty here, as only a directory.json beside the function can know them: {', '.join(unknown)}")
    if with_crlf(raw) is not raw:
        notes.append("the file's line ends are LF and were kept; WorkMail would get CRLF")
    return notes


def report(result: Result, style: Style) -> Iterator[str]:
    """The result, as lines of at most 100 columns."""
    before, after = result.before.raw, result.after.raw
    yield f"{style.bold(printable(result.name))}  ({printable(result.heading)})"
    sizes = f", {len(before):,} -> {len(after):,} bytes" if result.changed else f" ({len(before):,} bytes, unchanged)"
    yield from _labelled("Result", [result.outcome + sizes])
    for label, lines in result.rows:
        yield from _labelled(label, list(map(printable, lines)))
    yield from _labelled("Before", _tree(result.rows_before))
    if result.changed:
        yield from _labelled("After", _tree(result.rows_after))
        yield from _labelled("Content", diff_messages(before, after).excerpt(WIDTH - _LABEL - 2))
        found = [f"{'warning' if finding.warning else 'REFUSED'}: {finding}" for finding in result.findings]
        yield from _labelled("Pre-flight", found or ["nothing that WorkMail would refuse"])
    yield from _labelled("Note", result.notes)


def _tree(rows: list[Row]) -> Iterator[str]:
    for row in rows[:_MAX_ROWS]:
        part = row.part
        kind = fit(printable("  " * min(row.depth, 8) + part.content_type), 32)
        text = part.maintype != "multipart"
        charset = fit(printable(part.charset), 13) if part.maintype == "text" else ""
        encoding = fit(printable(part.encoding), 16) if text else ""
        yield f"{row.place:<6}{kind:<34}{charset:<14}{encoding:<18}{part.end - part.body:>12,}"
        mark = f"{row.mark} " if row.mark is not Mark.KEPT else "  "
        yield from (f"{'':<6}{'  ' * min(row.depth, 8)}{mark}{printable(note)}" for note in row.notes)
    if len(rows) > _MAX_ROWS:
        yield f"... and {len(rows) - _MAX_ROWS:,} more parts"


def _labelled(label: str, lines: Iterator[str] | list[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield fit(f"  {'' if number else label:<{_LABEL}}{line}", WIDTH).rstrip()
