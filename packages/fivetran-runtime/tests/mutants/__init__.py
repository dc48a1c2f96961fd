"""Faults put into the runtime, each of which the histories or a test of the suite has to find.

Each fault was there at some time while everything was green, or is of the same kind. It is named after the promise that
it breaks, and patches one name of the runtime.

    mutant.py    what a mutant is, and how its fault is put into the runtime of this process
    each_sync.py, rows.py, pages.py, requests.py, secrets.py, values.py    the mutants, by what they break
    plugin.py    puts one fault into a run of pytest
    histories_with_fault.py    puts one into the histories
    __main__.py  runs all of them and prints what finds each
"""
