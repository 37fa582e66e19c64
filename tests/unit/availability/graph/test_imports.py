"""Nobody pays for a library that their backend has no use for: exchangelib for neither, msal and google-auth only when they are used."""

import subprocess
import sys
from pathlib import Path

import pytest

LAYER = Path(__file__).parents[4] / "layers/mailhooks"

CLOUDS = ["exchangelib", "msal", "google.auth", "cryptography", "jwt"]


@pytest.mark.parametrize("backend", ["graph", "google"])
def test_a_backend_imports_no_library_before_it_needs_it(backend: str) -> None:
    script = f"import sys, mailhooks.availability.backends.{backend}; print(*[name for name in {CLOUDS} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": str(LAYER)}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
