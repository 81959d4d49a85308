"""Prompts as data: what each kind of sample is asked with, its version and hash, and a folder that takes its place."""

from __future__ import annotations

from medcli.instruct.prompts.book import Book, Prompt, read_book

__all__ = ["Book", "Prompt", "read_book"]
