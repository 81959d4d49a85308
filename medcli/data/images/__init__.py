"""Figures of PubMed Central by a list: planned in a table, fetched, verified, and told of in a manifest."""
