"""Hooks of mkdocs: fit pages that are written for a code host, too, to the static site."""

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# These files of the repository are pages of the site, too.
PAGES = {"changelog.md": ROOT / "CHANGELOG.md"}
CODE = re.compile(r"`[^`]+`")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages outside of docs/."""
    for name, path in PAGES.items():
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Replace links to files outside of the site by their text, names of pages by their titles, and escaped pipes in code."""
    folder = Path(PAGES.get(page.file.src_uri, DOCS / page.file.src_uri)).parent

    def fit(link: re.Match[str]) -> str:
        text, target, anchor = link.groups()
        path = Path(os.path.normpath(folder / target))
        for name, source in PAGES.items():
            path = DOCS / name if path == source else path
        if not path.is_relative_to(DOCS):
            return text
        if text == path.name and path.suffix == ".md":
            text = path.read_text("utf-8").splitlines()[0].lstrip("# ")
        return f"[{text}]({os.path.relpath(path, DOCS / Path(page.file.src_uri).parent)}{anchor or ''})"

    # A code host reads `\|` as a pipe in the code of a table's cell; mkdocs splits no cell there, and shows the backslash.
    markdown = re.sub(r"^\|.*", lambda row: CODE.sub(lambda code: code[0].replace(r"\|", "|"), row[0]), markdown, flags=re.MULTILINE)
    return re.sub(r"(?<!!)\[([^]]+)\]\((?!\w+:)([^)#\s]+)(#[^)\s]*)?\)", fit, markdown)
