"""Seeded instances, peers and label accuracy for liid_cut; see README.md beside this file."""
