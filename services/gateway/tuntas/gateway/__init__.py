"""The doors of the platform and the public status of every task."""
