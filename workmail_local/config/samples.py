"""Sample messages: the event `events/<function>-<case>.json`, and its content `events/mail/<function>-<case>.eml`."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailhooks.suggestions import suggest
from workmail_local.config.functions import SETTINGS_FILE, find_events, mail_functions
from workmail_local.console.plain_errors import describe_error
from workmail_local.errors import InvalidSample


@dataclass(frozen=True, slots=True)
class Sample:
    """A message and its event for one function."""

    stem: str
    function: str
    event: dict[str, Any]
    raw: bytes


def load_samples(folder: Path | None = None, only: Collection[str] = ()) -> list[Sample]:
    """Load the samples in a folder, in the order of their names.

    Args:
        folder: the folder of the events; None for `find_events`.
        only: load only samples with these stems; empty for all.

    Raises:
        InvalidSample: a sample of `only` is missing, a file cannot be read, or a sample's name begins with no function's name.
    """
    folder = folder or find_events()
    stems = [path.stem for path in sorted(folder.glob("*.json")) if path.name != SETTINGS_FILE]
    if missing := sorted(set(only) - set(stems)):
        raise InvalidSample(
            f"no sample {missing[0]!r} in {folder.name}/; there are: {', '.join(stems) or 'none'}{suggest(missing[0], stems)}"
        )
    return [_read(folder, stem) for stem in stems if not only or stem in only]


def _read(folder: Path, stem: str) -> Sample:
    functions = mail_functions()
    function = max((name for name in functions if stem == name or stem.startswith(f"{name}-")), key=len, default=None)
    if function is None:
        raise InvalidSample(f"{stem}.json: its name does not begin with the name of a function ({', '.join(functions)})")
    try:
        event = json.loads((folder / f"{stem}.json").read_text("utf-8"))
        raw = (folder / "mail" / f"{stem}.eml").read_bytes()
    except (OSError, ValueError) as error:
        raise InvalidSample(f"{stem}: {describe_error(error)}") from error
    if not isinstance(event, dict):
        raise InvalidSample(f"{stem}.json: not a JSON object")
    return Sample(stem, function, event, raw)
