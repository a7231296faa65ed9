"""``python -m liid_cut``: the command line of :mod:`liid_cut.cli`."""

import sys

from liid_cut.cli import main

if __name__ == "__main__":
    sys.exit(main())
