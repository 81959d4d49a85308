"""What is de-identified: DICOM files by PS3.15 Annex E, and all that a release of them needs."""
