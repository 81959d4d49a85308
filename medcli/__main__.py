"""``python -m medcli``: the same command line as the console script."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # Not above: worker processes import this module too, and have no use for a command line.
    from medcli.cli import main

    sys.exit(main())
