"""Fivetran's side of a Connector SDK connection: a connector that the SDK serves, called over gRPC as Fivetran calls it."""
