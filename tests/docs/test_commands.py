"""Each command in the documentation runs here, or CI runs it, or a comment above its block names what it needs.

What runs here, runs in a clone, and in a folder with `workmail-hooks examples` after an installation of the wheel. `make`, `sam` and
`. .venv/bin/activate` are for clones.

The comments: `<!-- needs an account -->` (of AWS, or a tenant), `<!-- needs a running server -->`, `<!-- needs Docker -->`,
`<!-- needs the package index -->`, `<!-- needs Debian -->` (as root, in a container: tests/e2e/gateway/test_pages.py), and
`<!-- runs for minutes -->` for targets of make, which a test finds in the Makefile.
"""

import os
import re
import shlex
import shutil
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mailhooks.policy import load
from tests.support import serve_once
from tests.support.installation import build, clean_environment, install_without_packages
from tools.pages import read_fences
from workmail_local.config.functions import ROOT
from workmail_local.running_server import find_running

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "samples").rglob("*.md"))]
COMMENT = re.compile(r"(?:^|\s)#.*")
MARKERS = ("", "needs an account", "needs a running server", "needs Docker", "needs the package index", "needs Debian", "runs for minutes")
HERE = ("workmail-hooks", "pytest", "printf", "cd", ".")
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
    targets = set(re.findall(r"^(?:make|beside) ([\w-]+)\b", CI, re.MULTILINE))
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


def runs_here(words: list[str]) -> bool:
    """Return whether a test can run a command, `make run` and `make serve` included."""
    if words[0] == "make":
        return len(words) == 2 and bool(find_recipe(words[1]))
    return words[0] in HERE or (words[0] == "sh" and words[2].partition(" ")[0] in HERE)


def find_recipe(target: str) -> str:
    """Return the arguments of `workmail-hooks` in the recipe of a target of make; "" when it is another program."""
    found = re.search(rf"^{target}:.*\n\t@\$\(VENV\)/bin/workmail-hooks (.*)$", MAKEFILE, re.MULTILINE)
    return found[1] if found else ""


def blocks_to_run(*, in_clone: bool, marker: str = "") -> list[Any]:
    """Return the blocks with a marker whose commands all run here, each text once; for an installation without those for a clone."""
    found = {}
    for block in BLOCKS:
        words = list(block.commands()) if block.language == "sh" and block.marker == marker else []
        if words and all(map(runs_here, words)) and (in_clone or not any(each[0] in ("make", ".") for each in words)):
            found.setdefault(block.text, pytest.param(block, id=block.place))
    return list(found.values())


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder that looks like a checkout after `make run`, with files of a reader."""
    for each in ROOT.iterdir():
        if not each.name.startswith(".") and each.name != "functions":
            (tmp_path / each.name).symlink_to(each)
    shutil.copytree(ROOT / "functions", tmp_path / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    # The test puts its own programs on the PATH.
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").touch()
    add_files_of_a_reader(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the programs of an environment with the wheel."""
    wheel = build("wheel", tmp_path_factory.mktemp("wheel"))
    return install_without_packages(wheel, tmp_path_factory.mktemp("environment"))


def add_files_of_a_reader(folder: Path) -> None:
    shutil.copytree(ROOT / "docs/recipes/signature", folder / "functions/disclaimer", dirs_exist_ok=True)
    message = (ROOT / "events/mail/rewrite-external.eml").read_bytes()
    for name in ("mail.eml", "message.eml", "saved.eml", "FILE.eml", "DIR/mail.eml"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(message)
    for name in ("policy.yaml", "new.yaml", "old.yaml"):
        shutil.copy(ROOT / "functions/mailflow/policy.yaml", folder / name)
    (folder / "disclaimer.html").write_text("<p>Example GmbH</p>")
    (folder / "config.json").write_text(CONFIGURATION)


def run_block(block: Block, folder: Path, programs: Path, environment: Mapping[str, str]) -> None:
    """Run the commands of a block in one shell, as pasted. Programs before those of the environment end `serve` when it is up."""
    wrappers = folder / ".programs"
    wrappers.mkdir()
    command = programs / "workmail-hooks"
    serve = f'exec {sys.executable} {Path(serve_once.__file__)} {command} "$@" --folder {folder}/spool'
    (wrappers / "workmail-hooks").write_text(f'#!/bin/sh\n[ "$1" = serve ] && {serve}\nexec {command} "$@"\n')
    targets = "".join(f"{name}) exec workmail-hooks {find_recipe(name)};;\n" for name in ("run", "serve", "serve-containers"))
    (wrappers / "make").write_text(f'#!/bin/sh\ncase "$1" in\n{targets}esac\nexit 2\n')
    (wrappers / "pytest").write_text(f'#!/bin/sh\nexec {programs}/python -m pytest "$@"\n')
    for each in wrappers.iterdir():
        each.chmod(0o755)
    path = os.pathsep.join(map(str, (wrappers, programs, environment["PATH"])))
    script = block.text.replace("0.0.0.0", "127.0.0.1")
    shell = ["sh", "-eu", "-c", script]
    done = subprocess.run(shell, cwd=folder, env={**environment, "PATH": path}, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr


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
    unknown = [name for name, words in commands("") if not (is_run_by_ci(words) or runs_here(words))]
    assert not unknown, "run them in a test, or write <!-- needs an account --> above the block:\n" + "\n".join(unknown)


def test_commands_that_run_for_minutes_are_targets_of_make() -> None:
    for name, words in commands("runs for minutes"):
        assert words[0] == "make", name
        for target in (word for word in words[1:] if "=" not in word):
            assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), name


@pytest.mark.slow
@pytest.mark.parametrize("block", blocks_to_run(in_clone=True))
def test_the_commands_run_in_a_clone(block: Block, checkout: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    run_block(block, checkout, Path(sys.executable).parent, environment)


@pytest.mark.slow
@pytest.mark.parametrize("block", blocks_to_run(in_clone=False))
def test_the_commands_run_in_an_empty_folder_after_an_installation(block: Block, installed: Path, tmp_path: Path) -> None:
    subprocess.run([installed / "workmail-hooks", "examples"], cwd=tmp_path, env=clean_environment(), check=True, capture_output=True)
    add_files_of_a_reader(tmp_path)
    run_block(block, tmp_path, installed, clean_environment())


@pytest.mark.slow
@pytest.mark.parametrize("block", blocks_to_run(in_clone=False, marker="needs a running server"))
def test_the_commands_that_need_a_server_run_beside_one(block: Block, checkout: Path) -> None:
    programs = Path(sys.executable).parent
    command = [programs / "workmail-hooks", "serve", "--smtp-port", "0", "--submission-port", "0", "--web-port", "0"]
    with subprocess.Popen(command, cwd=checkout, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        assert "is up" in server.stdout.readline()
        running = find_running(checkout / ".local" / "workmail")
        assert running
        host, _, port = running.inbound.rpartition(":")
        with smtplib.SMTP(host, int(port)) as client:
            client.sendmail(
                "nora@example.net", ["ana@example.com"], "From: nora@example.net\r\nTo: ana@example.com\r\nSubject: Offer\r\n\r\nHello\r\n"
            )
        run_block(block, checkout, programs, os.environ)
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)


def test_no_page_sets_the_search_path_of_python() -> None:
    for page in PAGES:
        assert "PYTHONPATH" not in page.read_text("utf-8"), page.name


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
