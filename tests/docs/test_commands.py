"""Each command in the documentation runs here, or CI runs it, or a comment above its block names what it needs.

The comments: `<!-- needs an account -->` (of AWS, or a tenant), `<!-- needs Docker -->`,
`<!-- needs the package index -->`, and `<!-- runs for minutes -->` for targets of make, which a test finds in the Makefile.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from mailhooks.policy import load
from tools.pages import read_fences
from workmail_local.config.functions import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "samples").rglob("*.md"))]
COMMENT = re.compile(r"(?:^|\s)#.*")
MARKERS = ("", "needs an account", "needs Docker", "needs the package index", "runs for minutes")
CI = (ROOT / ".ci/run").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")

CONFIGURATION = """{
  "backends": {"feeds": {"type": "ics", "feeds": [{"mailbox": "*", "url": "http://127.0.0.1:9/{mailbox}.ics"}]}},
  "routes": [{"mailboxes": ["*"], "backend": "feeds"}]
}"""


class Block(NamedTuple):
    """A fenced block of a page.

    Attributes:
        place: the page and the line of the fence.
        marker: the comment on the line above, such as "needs an account".
    """

    place: str
    marker: str
    language: str
    text: str

    def commands(self) -> Iterator[list[str]]:
        """Yield the words of each command, without comments. A command with a pipe is one for the shell."""
        for line in self.text.replace("\\\n", " ").splitlines():
            if " | " in line:
                yield ["sh", "-c", line.strip()]
            elif words := shlex.split(COMMENT.sub("", line)):
                yield words


def find_blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    for fence in read_fences(page.read_text("utf-8")):
        yield Block(f"{page.relative_to(ROOT)}:{fence.line}", fence.marker, fence.language, fence.text)


BLOCKS = [block for page in PAGES for block in find_blocks(page)]


def commands(marker: str) -> list[tuple[str, list[str]]]:
    """Return the commands of blocks with a marker, each with its place."""
    found = [block for block in BLOCKS if block.language == "sh" and block.marker == marker]
    return [(f"{block.place} {' '.join(words)}", words) for block in found for words in block.commands()]


def ci_targets() -> set[str]:
    """Return the targets of make that `.ci/run` makes, with their prerequisites."""
    targets = set(re.findall(r"^make ([\w-]+)$", CI, re.MULTILINE))
    prerequisites = {name: rest.split() for name, rest in re.findall(r"^([\w-]+):([^#=\n]*)", MAKEFILE, re.MULTILINE)}
    wanted = list(targets)
    while wanted:
        added = set(prerequisites.get(wanted.pop(), ())) - targets
        targets |= added
        wanted += added
    # A target whose prerequisites CI makes, such as `test-all`, has nothing else to do.
    return targets | {name for name, needs in prerequisites.items() if needs and set(needs) <= targets}


def is_run_by_ci(words: list[str]) -> bool:
    """Return whether `.ci/run` runs a command: a target of make, or `sam build`, with which `make e2e` begins, also in samples/own-hook."""
    if words[0] == "make":
        return set(words[1:]) <= ci_targets()
    return words == ["sam", "build"] and "e2e" in ci_targets() and '["build"' in (ROOT / "tests/e2e/sam.py").read_text("utf-8")


def command_to_run(words: list[str]) -> list[str]:
    """Return a command that a test can run (`workmail-hooks`, also in `make run` and `make serve`, or `printf`), or []."""
    if words[0] == "make":
        found = re.search(rf"^{words[1]}:.*\n\t@\$\(VENV\)/bin/workmail-hooks (.*)$", MAKEFILE, re.MULTILINE)
        return [sys.executable, "-m", "workmail_local", *found[1].split()] if found and len(words) == 2 else []
    if words[0] == "sh":
        return words if words[2].startswith("printf ") else []
    return [sys.executable, "-m", "workmail_local", *words[1:]] if words[0] == "workmail-hooks" else []


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder that looks like a checkout, with files of a reader."""
    for each in ROOT.iterdir():
        if not each.name.startswith(".") and each.name != "functions":
            (tmp_path / each.name).symlink_to(each)
    shutil.copytree(ROOT / "functions", tmp_path / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "docs/recipes/signature", tmp_path / "functions/disclaimer", dirs_exist_ok=True)
    message = (ROOT / "events/mail/rewrite-external.eml").read_bytes()
    for name in ("mail.eml", "message.eml", "saved.eml", "FILE.eml", "DIR/mail.eml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(message)
    for name in ("policy.yaml", "new.yaml", "old.yaml"):
        shutil.copy(ROOT / "functions/mailflow/policy.yaml", tmp_path / name)
    (tmp_path / "disclaimer.html").write_text("<p>Example GmbH</p>")
    (tmp_path / "config.json").write_text(CONFIGURATION)
    return tmp_path


def test_command_blocks_name_their_language() -> None:
    for block in BLOCKS:
        if block.language == "":
            assert not re.match(r"\s*(make|python|sam|aws|git|docker|\$|\.venv/bin/python) ", block.text), block.place


def test_markers_of_command_blocks_are_known() -> None:
    for block in BLOCKS:
        if block.language in ("sh", "powershell"):
            assert block.marker in MARKERS, block.place
        if block.language == "powershell":
            assert block.marker, f"{block.place}: Exchange cannot run here"


def test_each_marker_is_the_line_above_a_block() -> None:
    for page in PAGES:
        text = page.read_text("utf-8")
        for found in re.finditer(rf"^ *<!-- (?:{'|'.join(filter(None, MARKERS))}) -->\n", text, re.MULTILINE):
            assert re.match(r" *```", text[found.end() :]), f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, found.start()) + 1}"


def test_unmarked_commands_run_here_or_in_ci() -> None:
    unknown = [name for name, words in commands("") if not (is_run_by_ci(words) or command_to_run(words))]
    assert not unknown, "run them in a test, or write <!-- needs an account --> above the block:\n" + "\n".join(unknown)


def test_commands_that_run_for_minutes_are_targets_of_make() -> None:
    for name, words in commands("runs for minutes"):
        assert words[0] == "make", name
        for target in (word for word in words[1:] if "=" not in word):
            assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), name


@pytest.mark.slow
@pytest.mark.parametrize("words", {" ".join(words): words for _, words in commands("") if command_to_run(words)}.values(), ids=" ".join)
def test_the_command_runs(words: list[str], checkout: Path) -> None:
    command = [word.replace("0.0.0.0", "127.0.0.1") for word in command_to_run(words)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT / "layers/mailhooks", ROOT)))
    if "serve" in command:
        ports = ["--smtp-port", "0", "--submission-port", "0", "--web-port", "0", "--folder", str(checkout / "spool")]
        with subprocess.Popen([*command, *ports], cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout
            assert "is up" in server.stdout.readline()
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=60)
        assert server.returncode == 0
    else:
        done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr


def test_pages_name_no_parameter_that_is_gone() -> None:
    """The tables of the changelog list what is gone, and they may name prefixes, such as `Strip...`."""
    cells = re.findall(r"^\| ([A-Z][\w., ]+) \|", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    gone = [name for cell in cells if " of " not in cell for name in cell.replace("...", r"[A-Z]\w+").split(", ")]
    assert len(gone) > 20
    pattern = re.compile(rf"\b(?:{'|'.join(gone)})\b")
    for page in PAGES:
        text = re.sub(r"^## Update from .*?(?=^## |\Z)", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        assert pattern.findall(text) == [], page.name


def policies() -> list[Block]:
    return [block for block in BLOCKS if block.language == "yaml" and re.search(r"^version: 1$", block.text, re.MULTILINE)]


@pytest.mark.parametrize("block", policies(), ids=lambda block: block.place)
def test_policies_on_the_pages_are_valid(block: Block, tmp_path: Path) -> None:
    for name in re.findall(r"(?:text_file|html_file|address_book): (\S+)", block.text):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}" if name.endswith(".json") else "Example GmbH")
    (tmp_path / "policy.yaml").write_text(block.text)
    assert load(tmp_path / "policy.yaml").rules
