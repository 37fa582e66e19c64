"""Docstrings, comments and pages use none of the words that the project's language rules ban (docs/glossary.md has the terms)."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ["layers/mailhooks/mailhooks", "mail_gateway", "workmail_local", "functions", "tests", "tools"]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

BANNED = re.compile(
    r"""\b(?:
    nobody|somebody|anybody|whoever|whomever|whosoever|whatever|whatsoever      # name the actor, or the thing
    |lest|anew|thereby|besides?|as\ it\ were|be\ it|were\ it|its\ way
    |in\ (?:its|whose|their)\ stead
    |of\ (?:whom|which)
    |(?:become|becomes|became|come|comes|came)\ of
    |(?:go|goes|went|gone|going)\ on
    |tell|tells|told|say|says|said|stand|stands|stood|take|takes|took|taken
    # The action `hold` has its name from the field: a hold, held mail, a rule that holds a message. A thing holds nothing else.
    |(?:hold|holds|held|holding)\s+(?:true|good|up|on|out|back|open|together
        |(?:an?|the|its|their|all|no|one|two|both|every|each|what|this|many|several|only|at|more|any|some|nothing)
        (?!\s+(?:\w+\s+){0,2}?(?:mails?|messages?|recipients?)\b))
    |held\s+in
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)


def texts_of(source: str) -> Iterator[tuple[int, str]]:
    """Yield each docstring and comment of a module with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def banned_in(path: Path) -> list[str]:
    """List the banned words of a Python file as `path:line: word`."""
    name = path.relative_to(ROOT)
    return [f"{name}:{line}: {found[0]}" for line, text in texts_of(path.read_text("utf-8")) for found in BANNED.finditer(text)]


@pytest.mark.parametrize("folder", FOLDERS)
def test_docstrings_and_comments_use_no_banned_word(folder: str) -> None:
    paths = [path for path in sorted((ROOT / folder).rglob("*.py")) if path != Path(__file__)]
    assert paths
    found = [each for path in paths for each in banned_in(path)]
    assert not found, "\n".join(found)


def test_pages_use_no_banned_word_outside_of_code() -> None:
    found = []
    for page in PAGES:
        prose = re.sub(
            r"^```.*?^```|`[^`\n]*`|\]\([^)]*\)|\"[^\"\n]*\"",
            lambda code: "\n" * code[0].count("\n"),
            page.read_text("utf-8"),
            flags=re.DOTALL | re.MULTILINE,
        )
        for number, line in enumerate(prose.splitlines(), 1):
            found += [f"{page.relative_to(ROOT)}:{number}: {each[0]}" for each in BANNED.finditer(line)]
    assert not found, "\n".join(found)


def test_a_rule_holds_mail_and_a_thing_holds_nothing() -> None:
    for text in (
        "A rule holds a message.",
        "Held mail is shown.",
        "Holds that have no decision",
        "Hold the whole message",
        "It is held until",
    ):
        assert not BANNED.search(text), text
    for text in ("A list that holds the values", "This holds true", "The text is held in memory", "Hold on", "It holds at most ten"):
        assert BANNED.search(text), text


def test_the_search_finds_words_in_docstrings_and_comments_only() -> None:
    source = '"""Whoever."""\nlest = "anew"  # nobody\ndef f():\n    """Of whom."""\n'
    assert sorted(found[0].lower() for _, text in texts_of(source) for found in BANNED.finditer(text)) == ["nobody", "of whom", "whoever"]
