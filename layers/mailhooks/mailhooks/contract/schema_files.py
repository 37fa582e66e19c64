"""Reads the JSON Schemas in `schemas/`. A prepared hook imports this module only to describe an invalid document."""

import json
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(__file__).with_name("schemas")


def read_schema(file: str) -> Any:
    """Return the parsed schema of a file."""
    return json.loads(read_text(file))


def read_text(uri: str) -> str:
    """Return the text of a schema, by the name of its file or by an address that ends in that name."""
    return (_FOLDER / uri.rpartition("/")[2]).read_text("utf-8")


def list_schemas() -> list[str]:
    """Return the names of all schemas, without `.json`."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))
