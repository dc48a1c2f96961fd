"""What only we know of this source: a log, from which nothing is deleted."""

contract = {"keeps_deleted": {"events": "a log: the source deletes nothing"}}
