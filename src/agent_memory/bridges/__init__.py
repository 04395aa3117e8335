"""Other people's protocols: every third-party package is an optional extra, imported only where its bridge is used."""
