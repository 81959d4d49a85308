"""``python -m medcli``: the same command line as the console script."""

from __future__ import annotations

import sys

from medcli.cli import main

if __name__ == "__main__":
    sys.exit(main())
