"""A connector on Fivetran's Connector SDK: `connector = connector_of("connector_acme")` in a file connector.py.

https://fivetran.com/docs/connector-sdk. The SDK itself is there where Fivetran runs it; of it, only documented names are used
(`Connector`, `Operations`, `Logging`, `ConfigurationForm`, `form_field`, `Test`), since Fivetran chooses its version.
"""

from fivetran_runtime.connector_sdk.host import connector_of as connector_of
