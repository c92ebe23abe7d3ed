"""Which connections go to the proxy without the application's knowing."""
