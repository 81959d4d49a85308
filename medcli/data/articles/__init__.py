"""Articles of PubMed Central: found by number or query, their figures and what is said of them."""
