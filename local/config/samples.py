"""Sample messages: `events/<function>-<case>.json` is the event, `events/mail/<function>-<case>.eml` the content that goes with it."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.config.functions import ROOT, mail_functions
from local.errors import InvalidSample

SETTINGS_FILE = "env.json"


@dataclass(frozen=True, slots=True)
class Sample:
    """One message on its way to one function."""

    stem: str
    function: str
    event: dict[str, Any]
    raw: bytes


def load(folder: Path = ROOT / "events", only: Collection[str] = (), functions: Collection[str] | None = None) -> list[Sample]:
    """The samples in a folder, in the order of their names.

    Args:
        folder: where the events are.
        only: stems to take; empty for all.
        functions: the functions there are; None to look.

    Raises:
        InvalidSample: one of `only` is not there, a file cannot be read, or no function answers to a name.
    """
    functions = mail_functions() if functions is None else functions
    stems = [path.stem for path in sorted(folder.glob("*.json")) if path.name != SETTINGS_FILE]
    if missing := sorted(set(only) - set(stems)):
        raise InvalidSample(f"no sample {missing[0]!r} in {folder.name}/; there are: {', '.join(stems) or 'none'}")
    return [_read(folder, stem, functions) for stem in stems if not only or stem in only]


def _read(folder: Path, stem: str, functions: Collection[str]) -> Sample:
    function = max((name for name in functions if stem == name or stem.startswith(f"{name}-")), key=len, default=None)
    if function is None:
        raise InvalidSample(f"{stem}.json: its name begins with no function's name ({', '.join(sorted(functions)) or 'none there'})")
    try:
        event = json.loads((folder / f"{stem}.json").read_text("utf-8"))
        raw = (folder / "mail" / f"{stem}.eml").read_bytes()
    except (OSError, ValueError) as error:
        raise InvalidSample(f"{stem}: {error}") from error
    if not isinstance(event, dict):
        raise InvalidSample(f"{stem}.json: not a JSON object")
    return Sample(stem, function, event, raw)
