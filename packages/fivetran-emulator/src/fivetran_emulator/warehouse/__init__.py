"""The destination: tables in DuckDB, loaded as Fivetran would, and the ledger beside them."""
