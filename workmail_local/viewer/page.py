"""A self-contained page with a message before and after: no script, no network, all text from mail escaped or in a sandbox."""

from collections.abc import Iterator
from functools import cache

from jinja2 import Template
from markupsafe import Markup, escape

from mailhooks.mime.message import Message
from workmail_local.viewer.diff import LineDiff
from workmail_local.viewer.excerpt import Excerpt
from workmail_local.viewer.links import list_links
from workmail_local.viewer.preview import Preview
from workmail_local.viewer.rendered import mark_headers, mark_texts, render_documents
from workmail_local.viewer.templating import STYLE, create_environment

_MAX_PARTS = 300
_MAX_TEXTS = 100
_MAX_PICTURES = 4_500_000
"""Characters of the pictures in each HTML text: the page is one file with all of them."""

_GUARDS = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'\">"
    '<meta http-equiv="x-dns-prefetch-control" content="off"><meta name="referrer" content="no-referrer">'
)


def render_page(preview: Preview) -> str:
    """Return the page as one HTML document that refers to nothing outside of itself."""
    headers = mark_headers(preview.before, preview.after)
    texts = mark_texts(preview.before, preview.after, _MAX_TEXTS)
    messages, rows = (preview.before, preview.after), (preview.rows_before, preview.rows_after)
    sides = {
        name: {
            "documents": Excerpt.first(list(_documents(messages[number])), _MAX_TEXTS, "HTML texts"),
            "links": list_links(messages[number]),
            "texts": texts[number],
            "rows": Excerpt.first(rows[number], _MAX_PARTS, "parts"),
            "fields": headers[number],
        }
        for number, name in enumerate(("before", "after"))
    }
    return _template().render(
        guards=Markup(_GUARDS),  # noqa: S704 - our own text
        style=Markup(STYLE.read_text("utf-8")),  # noqa: S704 - our own file
        preview=preview,
        sides=sides,
        lines=LineDiff(preview.before.raw, preview.after.raw).unified(),
    )


def _documents(message: Message) -> Iterator[tuple[Markup, tuple[str, ...]]]:
    """Yield the content of a frame for each HTML text, as an attribute's value, and notes on what is left out of it."""
    for document in render_documents(message, _MAX_PICTURES):
        # Escaped here, because the environment would make the control characters of the text visible.
        yield escape(_GUARDS + document.markup), document.notes


@cache
def _template() -> Template:
    return create_environment().get_template("page.html")
