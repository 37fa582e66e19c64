"""`python -m local`: the command line."""

import sys

from local.cli.parser import main

if __name__ == "__main__":
    sys.exit(main())
