"""Command line: ``liid-cut demo``, ``solve``, ``verify``, ``report`` and ``plan``."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence

from liid_cut import __version__
from liid_cut.commands import (
    BAD_INPUT,
    EXIT_CODES,
    INTERRUPTED,
    CommandError,
    demo,
    plan,
    report,
    solve,
    verify,
)
from liid_cut.diagnostics import MultiwayCutWarning

_OF_DASK = ("dask", "distributed", "pyarrow", "zarr")

_DESCRIPTION = """\
Provably optimal multi-way cuts of nearest-neighbour graphs: labels for proposals from their class
probabilities and features.
"""
_EPILOG = f"""\
examples:
  liid-cut demo
  liid-cut solve proposals.npz -o labels.npz
  liid-cut verify proposals.npz labels.npz
  liid-cut report labels.npz --input proposals.npz -o report.html
  liid-cut plan --n 200000 --d 2048 --labels 21

{EXIT_CODES}"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    Parameters
    ----------
    argv : arguments after the program's name; None: those of the process.

    Raises
    ------
    SystemExit : from argparse, with code 2 for wrong usage and 0 after ``--help``.
    """
    arguments = _parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MultiwayCutWarning)  # the reports have them
            return int(arguments.run(arguments))
    except KeyboardInterrupt:
        print("liid-cut: interrupted before there was a result", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        named = error.filename is not None and error.strerror is not None
        return _fail(f"{error.filename}: {error.strerror}" if named else str(error))
    except (CommandError, ValueError) as error:
        return _fail(str(error))
    except ModuleNotFoundError as error:
        if error.name not in _OF_DASK:
            raise
        return _fail(f"{error}: pip install 'liid-cut[dask]'")
    except MemoryError as error:
        return _fail(f"out of memory: {error}")


def _fail(message: str) -> int:
    print("liid-cut: error:", " ".join(message.split()), file=sys.stderr)
    return BAD_INPUT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="liid-cut",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"liid-cut {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (demo, solve, verify, report, plan):
        command.add_parser(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
