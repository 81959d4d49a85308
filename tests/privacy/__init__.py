"""Proof that the de-identifier does what it says: a slow reference, planted identities, fuzz and odd files."""
