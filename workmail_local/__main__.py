"""`workmail-hooks`: the command line."""

import sys
from pathlib import Path

# The library is a Lambda layer and not installed; `make` sets PYTHONPATH, but a bare `workmail-hooks` works too.
sys.path.append(str(Path(__file__).resolve().parents[1] / "layers" / "mailhooks"))

from workmail_local.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
