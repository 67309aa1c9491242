"""How gradients are made small on their way between ranks: one file a scheme, behind the record in `scheme`."""
