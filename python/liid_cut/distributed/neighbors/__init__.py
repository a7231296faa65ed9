"""The neighbour search as units; the same tables as :mod:`liid_cut.neighbors`, bit for bit.

`search` reads like `liid_cut.neighbors.methods`; `all_pairs` and `clusters` are the units of the
two kinds of methods, `ranking` those of the exact stage that all end with, `copies` what becomes of
rows that are not searched.
"""

from liid_cut.distributed.neighbors.copies import table_of
from liid_cut.distributed.neighbors.search import check_settings

__all__ = ["check_settings", "table_of"]
