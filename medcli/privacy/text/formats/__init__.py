"""Text files as strings with their places: JSON and JSON lines, tables, XML, plain text.

Each format finds the strings of a record, says where in the record's own characters they stand, and spells a new string
the way that place needs. Knows syntax. Refuses to know what identifies anybody, and to change anything itself: whoever
edits splices at the places that are given, so that every other character stays as it is.
"""
