"""Long runs: what is done is kept in files, and divided into batches that stand alone."""
