"""Places, ways, distances and traffic: what is asked is answered, and nothing is done."""
