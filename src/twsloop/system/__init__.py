"""The gateway itself: time, ids, users, advisors, display groups, configuration."""
