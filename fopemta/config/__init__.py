"""Configuration (pure): TOML text to frozen values, every error at once and each with its dotted key."""
