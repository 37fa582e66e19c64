"""`workmail-hooks preview`: show how a disclaimer or a policy would change a message, and why, without WorkMail."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mailhooks.content.change import OnUnmodifiable
from mailhooks.content.disclaimer import Disclaimer, OnNoText, OnUnknownCharset, Position
from mailhooks.policy.loading.policy_folder import PolicyFolder
from mailhooks.policy.loading.problems import InvalidValue
from workmail_local.console.rows import LABEL, label_rows
from workmail_local.console.style import WIDTH, Style, display_path
from workmail_local.console.text_columns import escape_controls, fit
from workmail_local.errors import PreviewError
from workmail_local.viewer.diff import LineDiff
from workmail_local.viewer.page import render_page
from workmail_local.viewer.part_changes import Mark, PartRow
from workmail_local.viewer.preview import Preview

_MAX_PARTS = 60
_HTML, _TEXT = frozenset({".html", ".htm"}), frozenset({".txt"})
_SIGNS = {Mark.KEPT: " ", Mark.CHANGED: "~", Mark.ADDED: "+", Mark.REMOVED: "-"}


def print_preview(file: Path, make: Callable[[str, bytes], Preview], *, out: Path | None, page: Path | None) -> int:
    """Print the preview of the message in `file`. Return 0, also when the message must not be changed.

    Args:
        make: makes the preview from the file's name and content.
        out: where to write the changed message.
        page: where to write a page that shows the message before and after.

    Raises:
        PreviewError: the file is empty or would be overwritten.
        OSError: a file cannot be read or written.
    """
    raw = file.read_bytes()
    if not raw:
        raise PreviewError(f"{display_path(file)} is empty")
    for target in (out, page):
        if target is not None and target.exists() and target.samefile(file):
            raise PreviewError(f"{display_path(target)} is the message itself and would be overwritten: choose another file")
    preview = make(file.name, raw)
    print(*_report(preview, Style.of(sys.stdout)), sep="\n")
    if out:
        out.write_bytes(preview.after.raw)
        print(f"\nWritten: {display_path(out)}")
    if page:
        page.write_text(render_page(preview), "utf-8", errors="replace")
        print(f"Page: {display_path(page)}")
    return 0


def read_disclaimer(
    given: str,
    text: str | None = None,
    *,
    position: str = Position.APPEND,
    on_unmodifiable: str = OnUnmodifiable.PASS,
    on_no_text: str = OnNoText.PASS,
    on_unknown_charset: str = OnUnknownCharset.TRANSLITERATE,
    images: Path | None = None,
) -> Disclaimer:
    """Return the disclaimer that the command line describes.

    Args:
        given: an HTML file, a text file, or the text itself.
        text: the plain text for an HTML file: a file or the text itself.
        images: the folder of the images that the HTML shows by `cid:`.

    Raises:
        PreviewError: the disclaimer is empty or cannot be read.
    """
    plain, markup = _read(given)
    if text is not None:
        if plain:
            raise PreviewError("--text is for an HTML disclaimer, but --disclaimer is plain text")
        plain, of_text = _read(text)
        if of_text:
            raise PreviewError("--text is an HTML file: give a .txt file or the text itself")
    if not (plain or markup).strip():
        raise PreviewError("the disclaimer is empty")
    if images is not None and not images.is_dir():
        raise PreviewError(f"{display_path(images)} is not a folder")
    try:
        markup, attached = PolicyFolder(images).add_images(markup) if images else (markup, ())
    except InvalidValue as error:
        raise PreviewError(str(error)) from None
    return Disclaimer(
        plain,
        markup,
        Position(position),
        on_unmodifiable=OnUnmodifiable(on_unmodifiable),
        on_no_text=OnNoText(on_no_text),
        on_unknown_charset=OnUnknownCharset(on_unknown_charset),
        images=attached,
    )


def _read(given: str) -> tuple[str, str]:
    """Return plain text and HTML; one of them is empty."""
    path = Path(given)
    suffix = path.suffix.lower()
    try:
        is_file = path.is_file()
    except OSError:  # the text is too long for the name of a file
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


def _report(preview: Preview, style: Style) -> Iterator[str]:
    before, after = preview.before.raw, preview.after.raw
    yield f"{style.bold(escape_controls(preview.name))}  ({escape_controls(preview.heading)})"
    sizes = f", {len(before):,} -> {len(after):,} bytes" if preview.changed else f" ({len(before):,} bytes, unchanged)"
    yield from label_rows("Result", [preview.outcome + sizes])
    for label, lines in preview.details:
        yield from label_rows(label, lines)
    yield from label_rows("Before", _parts(preview.rows_before))
    if preview.changed:
        yield from label_rows("After", _parts(preview.rows_after))
        yield from label_rows("Content", LineDiff(before, after).excerpt(WIDTH - LABEL - 2))
        found = [f"{'warning' if each.warning else 'REJECTED'}: {each}" for each in preview.rejections]
        yield from label_rows("Pre-flight", found or ["no reason for WorkMail to reject it"])
    yield from label_rows("Note", preview.notes)


def _parts(rows: Sequence[PartRow]) -> Iterator[str]:
    for row in rows[:_MAX_PARTS]:
        part = row.part
        indent = "  " * min(row.depth, 8)
        kind = fit(escape_controls(indent + part.content_type), 32)
        charset = fit(escape_controls(part.charset), 13) if part.maintype == "text" else ""
        encoding = fit(escape_controls(part.encoding), 16) if part.maintype != "multipart" else ""
        yield f"{row.number:<6}{kind:<34}{charset:<14}{encoding:<18}{part.end - part.body:>12,}"
        yield from (f"{'':<6}{indent}{_SIGNS[row.mark]} {note}" for note in row.notes)
    if len(rows) > _MAX_PARTS:
        yield f"... and {len(rows) - _MAX_PARTS:,} more parts"
