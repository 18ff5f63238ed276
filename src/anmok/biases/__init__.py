"""The relational inductive biases of the building blocks, measured: by their structure, and by what they learn."""
