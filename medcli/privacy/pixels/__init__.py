"""Text in pixels: which files are looked at, what is found, how it is destroyed, and how that is proved.

Heavy packages (numpy, OpenCV, onnxruntime, imagecodecs) are imported inside the functions that need them: a file that
nobody looks at costs nothing more than before.
"""
