"""Public medical question-answering datasets: where they are, what they are licensed as, who guards them."""
