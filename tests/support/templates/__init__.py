"""HTML of newsletters and notifications in the ways of the known frameworks, in our own words, with remote pictures, fonts and links."""

from pathlib import Path
from typing import Final

TEMPLATES: Final = {path.stem: path.read_text("utf-8") for path in sorted(Path(__file__).parent.glob("*.html"))}
"""Without a network, each looks the same in the HTML view of the web page as opened by itself."""
