"""The neighbour search as units; the same tables as :mod:`liid_cut.neighbors`, bit for bit.

`search` reads like `liid_cut.neighbors.methods`; `all_pairs` and `clusters` are the units of its two
kinds of methods, `ranking` those of the exact stage that all end with.
"""
