"""Long runs: what is done is kept in files, and a run that was killed goes on to the same bits.

``multiway_cut(..., checkpoint=folder)`` and ``liid-cut solve --checkpoint FOLDER`` write what is
done into the folder, and read what an earlier call with the same input and settings has written:

=================  ==================================================  ============================
folder             what is kept                                        what a kill loses
=================  ==================================================  ============================
``neighbors/``     the lists of the pass that is on; then the table    2 s, or ten times what one
                   of neighbours                                       write takes, and one step
``delta/``         of ``delta="auto"``: marginals, evidence, each cut  as above, or one cut
``cut/``           results of batches of components                    a batch for each thread
``distributed/``   of a run with ``client=``: the block of each unit   what the workers are at
=================  ==================================================  ============================

Batches hold about a second of work (`batches`), but a component is never divided: where one is most
of the graph, as with ``symmetrize="union"``, its cut is one batch, and a kill loses all of it. Of a
neighbour search by FAISS or torch the table alone is kept, of one by a function nothing; of links
and coverage the cut without them, not the search that meets them.

Every file has a checksum, and the settings and fingerprints of the input that it depends on
(`store`). A file that is damaged is computed again, which the log and ``diagnostics["warnings"]``
say; one of another run is a ``ValueError`` that says what differs, as are files of another version
of the package. What a limit of time or memory cut short is not kept. Where the disk is full, the
run goes on without, and says so. The input is read once, to compare it: about a second a gigabyte.
``diagnostics["checkpoint"]`` counts the blocks that were read and written.

Folders are not locked: two runs at once in the same one do the same work twice, with the same bits.
"""
