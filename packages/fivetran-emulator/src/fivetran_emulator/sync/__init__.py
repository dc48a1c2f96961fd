"""A sync as Fivetran makes it: the loop of calls, what accepted answers make of a connection, and the result."""
