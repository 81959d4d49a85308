"""Where the work runs: in this process, in an event loop, in worker processes. One contract: ``model.Runner``."""
