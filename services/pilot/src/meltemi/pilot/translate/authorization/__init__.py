"""From AuthorizationPolicy to filters."""
