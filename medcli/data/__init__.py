"""What can be fetched: figures and articles of PubMed Central, public datasets, and how bytes travel.

Knows where the data are today and in which shapes their lists come. Refuses to know models, prompts and scores.
"""
