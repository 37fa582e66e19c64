"""`make render`: render messages and layouts before and after, and templates as in the HTML view, in headless Chromium to `.local/render/`.

A template has two pictures: `view`, as the web page shows it, and `alone`, the same markup opened by itself with the network cut.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from mailhooks.content.disclaimer import add_disclaimer
from tests.fidelity.reading import Leaf, parse, shown
from tests.support.layouts import HEAD, LAYOUTS
from tests.support.templates import TEMPLATES
from workmail_local.viewer.html.sanitizer import sanitize

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "tests/corpus/mail"
PICTURES = ROOT / ".local/render"


class Shot(NamedTuple):
    """A message of the corpus, and the position of its disclaimer."""

    name: str
    position: str


SHOTS = [
    Shot("talon_gmail", "after-reply"),
    Shot("talon_outlook", "after-reply"),
    Shot("talon_sparrow", "after-reply"),
    Shot("rubymail_empty_group_lists", "prepend"),
    Shot("rubymail_content_transfer_encoding_7-bit", "append"),
]

SHOWN_LAYOUTS = {
    "tables at the left",
    "floats by a class",
    "flexible row",
    "flexible row, centred",
    "grid",
    "columns by a rule",
    "absolute boxes",
    "dark body by a rule",
    "dark colour scheme",
    "right to left",
    "link in a cell not closed",
    "banner below a preview text in a wrapper",
}

TEXT = "Example GmbH, Köln\nThis message is confidential. Diese Nachricht ist vertraulich. この通信は機密です。 🔒"
HTML = (
    '<div style="border:1px solid #c60;padding:6px;font:12px sans-serif;color:#333">'
    "<b>Example GmbH, K&ouml;ln</b><br>This message is confidential. Diese Nachricht ist vertraulich. この通信は機密です。 🔒</div>"
)

OPTIONS = [
    *"--headless --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update".split(),
    *"--disable-sync --hide-scrollbars --window-size=800,1100".split(),
    # Nothing is loaded: no host name is resolved, and no server listens on the port of the proxy.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
]


FRAME = '<body style="margin:0"><iframe sandbox src="mail.html" style="border:0;width:100vw;height:100vh"></iframe>'
"""Like web mail: a frame without scripts."""


def main() -> int:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        print("skipped: no Chromium is installed (Debian package `chromium`)")
        return 0
    PICTURES.mkdir(parents=True, exist_ok=True)
    unchanged = False
    messages = [(name, (CORPUS / f"{name}.eml").read_bytes(), position) for name, position in SHOTS]
    layouts = [layout for layout in LAYOUTS if layout.name in SHOWN_LAYOUTS]
    messages += [(re.sub(r"\W+", "_", layout.name), HEAD + layout.html.encode(), layout.position) for layout in layouts]
    for name, raw, position in messages:
        changed = add_disclaimer(raw, text=TEXT, html=HTML, position=position)
        unchanged |= changed == raw
        for content, when in ((raw, "before"), (changed, "after")):
            picture = PICTURES / f"{name}.{when}.png"
            render(chromium, html_of(content), picture)
            print(picture.relative_to(ROOT), position, "" if changed != raw else "UNCHANGED")
    for name, markup in TEMPLATES.items():
        for kind, page in (("view", sanitize(markup)), ("alone", markup)):
            picture = PICTURES / f"template_{name}.{kind}.png"
            render(chromium, b"\xef\xbb\xbf" + page.encode(), picture)
            print(picture.relative_to(ROOT))
    return 1 if unchanged else 0


def html_of(raw: bytes) -> bytes:
    """Return the displayed HTML in UTF-8 with a byte order mark, which overrides the charset in the markup."""
    part = next(part for part in shown(parse(raw), "html") if part.get_content_subtype() == "html")
    return b"\xef\xbb\xbf" + Leaf("", part, ()).text.encode()


def render(chromium: str, html: bytes, picture: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        page = Path(directory, "page.html")
        page.write_text(FRAME)
        Path(directory, "mail.html").write_bytes(html)
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox does not run as root
        command = [
            chromium,
            *OPTIONS,
            "--virtual-time-budget=5000",
            *sandbox,
            f"--user-data-dir={directory}/profile",
            f"--screenshot={picture}",
            page.as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    sys.exit(main())
