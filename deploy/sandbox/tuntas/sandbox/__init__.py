"""A world of providers to try the platform against: airlines, hotels and a payment provider, with faults on request."""
