"""Refuses to be imported in a subinterpreter; comes before everything else of the package.

Up to Python 3.11 any extension module may be loaded there, and ours would wait for the lock of the
main interpreter for ever. Later versions refuse it themselves, with an ``ImportError`` as here.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 12):
    import _xxsubinterpreters  # type: ignore[import-not-found]

    if _xxsubinterpreters.get_current() != _xxsubinterpreters.get_main():
        raise ImportError(
            "liid_cut does not support subinterpreters: import it in the main one, or use processes"
        )
