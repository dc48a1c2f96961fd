"""A tap of the Singer SDK, https://sdk.meltano.com, into target-duckdb."""
