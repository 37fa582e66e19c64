"""For comparison: `altermime` (Debian package), called like our function. It supports one position.

python -m tools.fidelity --implementation tests.fidelity.altermime:add_disclaimer
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

FOUND = shutil.which("altermime")


def command(message: Path, text: Path, html: Path) -> list[str]:
    """Return the command that changes the file `message`."""
    return [FOUND or "altermime", f"--input={message}", f"--disclaimer={text}", f"--disclaimer-html={html}"]


def add_disclaimer(raw: bytes, *, text: str, html: str, position: str = "append") -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        files = [Path(directory, name) for name in ("message", "text", "html")]
        for path, content in zip(files, (raw, f"{text}\n".encode(), f"{html}\n".encode()), strict=True):
            path.write_bytes(content)
        subprocess.run(command(*files), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return files[0].read_bytes()
