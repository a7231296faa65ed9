"""Training of the CAM classifier and of the MIL network (LIID, sections 4 and 6.1)."""
