"""The checks, and only checks: each module has those of one subject in `CHECKS`, where the catalogue finds them."""
