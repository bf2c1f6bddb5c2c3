"""The platform library: everything a service needs around its pure decisions."""
