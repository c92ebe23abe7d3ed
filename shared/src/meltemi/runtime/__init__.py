"""The shell around every service: settings, logs, health, signals, drain."""
