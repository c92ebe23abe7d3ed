"""What travels on the doorbell, and how a listener knows it missed something."""
