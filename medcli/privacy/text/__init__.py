"""Free text: what in it identifies somebody, and what stands there instead.

Knows strings and where they came from. Refuses to know DICOM, files and models: those hand it text and take text back.
"""
