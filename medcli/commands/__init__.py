"""Click only: options to a Spec, the Spec to a domain's function, what it says to the console."""
