"""The proof of the promise: random statements over a schema, through the hook and on a masked copy."""
