"""Category-agnostic object proposals: making, selecting and storing them."""
