"""Command-line interfaces: flags to configuration, then one call."""
