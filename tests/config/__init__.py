"""The loader of the configuration."""
