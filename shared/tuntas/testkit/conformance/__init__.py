"""What every connector must do, whoever wrote it: its declaration runs through the kit's effects core against a modelled provider."""
