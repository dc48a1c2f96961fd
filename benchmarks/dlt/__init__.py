"""dlt, https://dlthub.com, as its documentation advises for speed."""
