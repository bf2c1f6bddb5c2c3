"""The command `tuntas`: for people, for services' authors, and for whoever is called at 3 a.m."""
