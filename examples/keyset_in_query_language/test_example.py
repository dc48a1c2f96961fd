"""What only we know of this source."""

contract = {"keeps_deleted": {"tickets": "deleted tickets are not listed, and are to stay"}}
