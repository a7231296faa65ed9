"""Command line: ``liid-mil`` with its commands, from ``demo`` to ``ablate``."""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from liid_cut import MultiwayCutWarning, __version__
from liid_mil.commands import BAD_INPUT, EXIT_CODES, INTERRUPTED

_DESCRIPTION = """\
From images with image-level tags to labelled object proposals: trains a CAM classifier and a
multiple-instance network, extracts probabilities and features, and labels by the multi-way cut.
"""
_EPILOG = f"""\
examples:
  liid-mil demo
  liid-mil run scenes.yaml
  liid-mil import sam masks -o proposals --images photos
  liid-mil train --voc VOCdevkit/VOC2012 -o run --set weights=resnet50.pth
  liid-mil extract run
  liid-mil label run
  liid-mil export run --format coco -o run/coco
  liid-mil evaluate run
  liid-mil ablate run --tables 1,6

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
    try:
        arguments = _parser().parse_args(argv)
        quiet = arguments.json or arguments.quiet
        with warnings.catch_warnings(), _log_on_stderr(logging.WARNING if quiet else logging.INFO):
            warnings.simplefilter("ignore", MultiwayCutWarning)  # the reports have them
            return int(arguments.run(arguments))
    except KeyboardInterrupt:
        print("liid-mil: interrupted; run the same command again to go on", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        named = error.filename is not None and error.strerror is not None
        return _fail(f"{error.filename}: {error.strerror}" if named else str(error))
    except (ValueError, ImportError, ArithmeticError) as error:
        return _fail(str(error))
    except MemoryError as error:
        return _fail(f"out of memory: {error}")


@contextmanager
def _log_on_stderr(level: int) -> Iterator[None]:
    """Show what this package logs, and not that FAISS tells how it was loaded."""
    log, handler = logging.getLogger("liid_mil"), logging.StreamHandler()
    before = log.level
    log.addHandler(handler)
    log.setLevel(level)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def _fail(message: str) -> int:
    print("liid-mil: error:", " ".join(message.split()), file=sys.stderr)
    return BAD_INPUT


def _parser() -> argparse.ArgumentParser:
    try:
        from liid_mil.commands import (
            ablate,
            demo,
            evaluate,
            export,
            extract,
            import_,
            label,
            run,
            train,
        )
    except ImportError as error:
        raise ImportError(f"{error.name} is missing: pip install 'liid-cut[mil]'") from error

    parser = argparse.ArgumentParser(
        prog="liid-mil",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"liid-mil {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (demo, run, import_, train, extract, label, export, evaluate, ablate):
        command.add_parser(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
