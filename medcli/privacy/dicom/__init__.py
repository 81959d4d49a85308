"""De-identification of one DICOM file: a compiled table over a streaming rewriter, and a search of the result."""

from __future__ import annotations

from medcli.privacy.dicom.scrubber import Scrubbed, Scrubber

__all__ = ["Scrubbed", "Scrubber"]
