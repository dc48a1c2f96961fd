"""Histories: a generated connector over many bad syncs, then quiet ones; the destination must equal the source.

A history draws a connector (whole tables, tables with a cursor in any order, with a declared order, with a listing,
with `fetch=`), a source whose rows change while they are read, and what goes wrong: tables that fail for syncs in a
row, answers that are lost, calls filled by bytes or by time, positions that expire again and again, filters that widen
and narrow, a wrong key that is answered with fewer rows, rows that are hidden and shown, ids that change their type,
rows dated ahead, clocks an hour wrong, releases in between, syncs without an id, a state of {}.

Two things are claimed. While some tables fail, for syncs in a row, the new rows of the others arrive in every one of
these syncs, and each of them ends with the failure. And once the source is well, a few quiet syncs bring everything.

    source.py       the tables, their rows, and what is wrong with them at present
    connectors.py   the connector that reads them
    destination.py  Fivetran's side: the state it holds and the rows that have landed
    history.py      one history, from its seed
    claims.py       what has to hold
"""
