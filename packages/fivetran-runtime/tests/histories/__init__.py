"""Histories: a generated connector over many bad syncs, then quiet ones; the destination must equal the source.

A history draws a connector (whole tables, tables with a cursor in any order, with a declared order, with a listing,
with `fetch=`, with a token that is kept, read parent by parent, with complete sets of children), a source whose rows
change while they are read, and what goes wrong: tables that fail for syncs in a row, answers that are lost, calls filled
by bytes or by time, positions and tokens that expire again and again, parents that vanish, are refused and are back,
filters that widen and narrow, a wrong key that is answered with fewer rows, rows that are hidden and shown, children
that move, ids that change their type, rows dated ahead, clocks an hour wrong, releases and rollbacks in between, syncs
without an id, a state of {}, tables that a person has read again.

Two things are claimed. While some tables fail, for syncs in a row, the new rows of the others arrive in every one of
these syncs, and each of them ends with the failure. And once the source is well, a few quiet syncs bring everything.

    plans.py        how tables are declared, and what their sources do
    rows.py         the rows, and how they change; their parents (parents.py), children (lines.py), and what a token
                    tells of them (deltas.py)
    source.py       what the source answers, and what is wrong with it at present
    readers.py      the functions that read its tables
    connectors.py   the connector of today, and its older release
    destination.py  Fivetran's side: the state it holds and the rows that have landed
    trouble.py      what goes wrong between syncs; kinds.py names all of it
    history.py      one history, from its seed
    claims.py       what has to hold; differences.py compares, leftovers.py says what may stay
"""
