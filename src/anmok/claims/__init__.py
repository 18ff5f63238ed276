"""What the field says of its networks, each claim an experiment that anyone can run again."""
