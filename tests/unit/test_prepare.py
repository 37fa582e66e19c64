"""`python -m mailhooks.prepare`: the files that it writes into a built copy of the library."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

import mailhooks
from mailhooks.contract.check_generator import generate_check
from mailhooks.contract.schema import name_check
from mailhooks.contract.schema_files import list_schemas, read_schema

SOURCE: Final = Path(mailhooks.__path__[0])

_CHECK: Final = """
import sys
from mailhooks.contract.schema import check, list_violations
check("availability-request", {"mailboxes": [], "window": {"startDate": "2026-05-04T00:00:00Z", "endDate": "2026-05-05T00:00:00Z"}})
assert list_violations("policy", {"version": 1, "rules": [{"name": "r", "do": "drop"}]}, 9) == []
print(*sorted({"jsonschema", "referencing", "mailhooks.contract.check_generator", "mailhooks.contract.schema_files"} & set(sys.modules)))
print(*list_violations("policy", {"version": 2, "rules": [{"name": "r", "do": "drop"}]}, 9))
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the library in a folder."""
    command = [sys.executable, "-P", "-B", *arguments]
    return subprocess.run(command, env={"PYTHONPATH": str(folder)}, cwd=SOURCE.parent, capture_output=True, text=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared copy of the library, as in the built layer."""
    folder = tmp_path_factory.mktemp("built") / "MailhooksLayer" / "python"
    shutil.copytree(SOURCE, folder / "mailhooks", ignore=shutil.ignore_patterns("__pycache__"))
    done = run(folder, "-m", "mailhooks.prepare")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return folder


def test_a_prepared_library_neither_reads_nor_generates_a_check(built: Path) -> None:
    done = run(built, "-c", _CHECK)
    assert (done.stdout.splitlines(), done.stderr) == (["", "(('version',), 'expected 1, got a number')"], "")


def test_prepared_files_are_added_and_nothing_else_changes(built: Path) -> None:
    def files(folder: Path) -> set[Path]:
        return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}

    added = files(built / "mailhooks") - files(SOURCE)
    assert {path.name for path in added if path.parent == Path("contract")} == {
        f"prepared_{path.stem.replace('-', '_')}.py" for path in (SOURCE / "contract/schemas").glob("*.json")
    }


def test_clients_of_a_prepared_library_read_the_cut_data(built: Path) -> None:
    program = """
import sys
from mailhooks.aws.client import make_client
from mailhooks.aws.session import open_session
from mailhooks.aws.tls import AMAZON_ROOTS
client = make_client("s3", region="eu-west-1")
print(type(open_session().get_component("data_loader")).__name__, client.meta.endpoint_url, hasattr(client, "copy_object"))
print(AMAZON_ROOTS.read_text().count("BEGIN CERTIFICATE"), "boto3" in sys.modules)
"""
    done = run(built, "-c", program)
    assert (done.stdout.splitlines(), done.stderr) == (["_Loader https://s3.eu-west-1.amazonaws.com False", "5 False"], "")


def list_files(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


def test_the_source_is_not_prepared(tmp_path: Path) -> None:
    """Neither a checkout nor an unpacked archive of it, which has no .git."""
    archive = tmp_path / "layers" / "mailhooks"
    shutil.copytree(SOURCE.parent, archive, ignore=shutil.ignore_patterns("__pycache__", ".wheels"))
    for source in (SOURCE.parent, archive):
        before = list_files(source)
        done = run(source, "-m", "mailhooks.prepare")
        assert (done.returncode, done.stdout) == (1, "")
        assert "run it in a built copy" in done.stderr
        assert list_files(source) == before


def test_a_library_can_be_prepared_again(built: Path) -> None:
    before = list_files(built)
    done = run(built, "-m", "mailhooks.prepare")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert list_files(built) == before


def test_an_error_leaves_no_prepared_file(tmp_path: Path) -> None:
    shutil.copytree(SOURCE, tmp_path / "mailhooks", ignore=shutil.ignore_patterns("__pycache__"))
    before = list_files(tmp_path)
    program = "from mailhooks import prepare; prepare.write_amazon_roots = None; prepare.main()"
    assert "TypeError" in run(tmp_path, "-c", program).stderr
    assert list_files(tmp_path) == before


@pytest.mark.parametrize("name", list_schemas())
def test_a_prepared_check_is_the_one_that_a_checkout_generates(built: Path, name: str) -> None:
    prepared = built / "mailhooks/contract" / f"{name_check(name)}.py"
    assert prepared.read_text("utf-8") == generate_check(f"{name}.json", read_schema)
