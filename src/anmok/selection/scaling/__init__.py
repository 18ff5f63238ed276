"""How deep, wide and fine should a network become when it may cost twice as much? Answered on the user's images."""
