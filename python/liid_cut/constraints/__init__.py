"""Constraints on labels across the graph: links between proposals, and tags of images.

- ``labels``: known labels, kept as they are.
- ``must_link``: pairs of proposals that take the same label. They become one node, which counts as
  all of them together.
- ``cannot_link``: pairs that never take the same label.
- ``coverage``: each tag of an image is taken by at least one of its proposals, the assumption of
  multiple-instance learning itself.
- ``node_weights``: a proposal counts that often; ``extra_edges``: more edges.

All are exact: the labelling is the cheapest of those that meet them, its bound is proven, and
:func:`liid_cut.verify`, given the same constraints, confirms both. They go together with each
other, ``allowed``, time limits, threads and every ``method``. Most cuts break few of them, so the
cut is solved without them first, and only the components that broken ones touch are solved again
(:mod:`.search`); ``result.diagnostics["constraints"]`` counts them and says what keeping them
costs, ``result.timings`` what it took. Where the cut breaks many constraints in one large
component, a relaxation of the whole first rules out most labels (:mod:`.relaxation`). Heavy edges
against the constraints, or links that bind most nodes to one another, can still take very long, as
in any exact search: give a ``time_limit``; the labelling so far meets all constraints, too.

Constraints that cannot be met together are a ``ValueError``. Whether they can is decided before the
search, also when that takes longer than the time limit: a result always meets them all. An image
with tags but without any proposal is left out, with a warning.
"""
