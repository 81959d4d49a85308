"""Metrics as plain functions over strings; each names its source.

Knows texts. Refuses to know files, groups of rows and intervals.
"""
