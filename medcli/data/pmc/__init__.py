"""PubMed Central: what lists of figures mean, where articles lie, and how packages were made."""
