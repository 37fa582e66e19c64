"""`python -m local`: the command line."""

import sys

from local.cli.main import main
from local.config.functions import ROOT

if __name__ == "__main__":
    # The library is a Lambda layer and not installed; `make` sets PYTHONPATH, but a bare `python -m local` works too.
    sys.path.append(str(ROOT / "layers" / "mailhooks"))
    sys.exit(main())
