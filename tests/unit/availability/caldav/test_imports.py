"""What the backends `caldav` and `ics` load: a function that starts cold waits for it."""

import subprocess
import sys

import pytest

_SHOWN = (
    "print(*sorted({name.partition('.')[0] for name in sys.modules} & {'exchangelib', 'lxml', 'icalendar', 'dateutil', 'msal', 'google'}))"
)


@pytest.mark.parametrize("module, loaded", [("caldav", []), ("ics", ["dateutil", "icalendar"])])
def test_a_backend_loads_what_it_needs_and_no_more(module: str, loaded: list[str]) -> None:
    code = f"import sys; import mailhooks.availability.backends.{module}; {_SHOWN}"
    ran = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": "layers/mailhooks"}, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == loaded
