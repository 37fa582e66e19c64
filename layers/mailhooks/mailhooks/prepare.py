"""Writes files that save time at a cold start into a built copy of the library: `python -m mailhooks.prepare`.

`layers/mailhooks/Makefile` runs it in the built layer, before the modules are compiled. A checkout has none of these files: there the
library does the same work at first use.
"""

import sys
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Final

from mailhooks.aws.amazon_roots import write_amazon_roots
from mailhooks.aws.service_data import write_service_data
from mailhooks.aws.session import PREPARED
from mailhooks.aws.tls import AMAZON_ROOTS
from mailhooks.contract.check_generator import generate_check
from mailhooks.contract.schema import name_check
from mailhooks.contract.schema_files import list_schemas, read_schema

_PACKAGE: Final = Path(__file__).parent


def main() -> None:
    if (_PACKAGE.parent / "requirements.in").exists():
        sys.exit("this is the source, where prepared files would hide later changes of the schemas: run it in a built copy of the library")
    # Files are moved to their places when all are written, so that an error leaves no part of them.
    with TemporaryDirectory(dir=_PACKAGE) as name:
        folder = Path(name)
        write_checks(folder)
        write_service_data(folder / PREPARED.name)
        write_amazon_roots(folder / PREPARED.name / AMAZON_ROOTS.name)
        for check in folder.glob("*.py"):
            check.replace(_PACKAGE / "contract" / check.name)
        if PREPARED.exists():
            rmtree(PREPARED)
        (folder / PREPARED.name).rename(PREPARED)


def write_checks(folder: Path) -> None:
    """Write a module with the generated check of each schema."""
    for schema in list_schemas():
        (folder / f"{name_check(schema)}.py").write_text(generate_check(f"{schema}.json", read_schema), "utf-8")


if __name__ == "__main__":
    main()
