"""The pages, and the sections of pages, that programs and templates name to their users exist."""

import re

import pytest

from workmail_local.config.functions import ROOT

SOURCES = [
    *(
        path
        for folder in ("workmail_local", "mail_gateway", "layers/mailhooks", "functions", "samples")
        for path in sorted((ROOT / folder).rglob("*.py"))
    ),
    *(
        ROOT / name
        for name in (
            "template.yaml",
            "organization/template.yaml",
            "export/template.yaml",
            "samples/own-hook/template.yaml",
            "samples/node-hook/template.yaml",
            "samconfig.toml",
        )
    ),
]
REFERENCES = sorted({found for path in SOURCES for found in re.findall(r"\bdocs/[\w/-]+\.md(?:#[\w-]+)?", path.read_text("utf-8"))})


def slug(heading: str) -> str:
    """Return the anchor of a heading, as Markdown's renderers make it."""
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


@pytest.mark.parametrize("reference", REFERENCES)
def test_what_a_program_names_exists(reference: str) -> None:
    page, _, anchor = reference.partition("#")
    text = (ROOT / page).read_text("utf-8")
    assert not anchor or anchor in map(slug, re.findall(r"^#+ (.*)$", text, re.MULTILINE))
