"""`python -m workmail_local` is the command `workmail-hooks`."""

import sys

from workmail_local.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
