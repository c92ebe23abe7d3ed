"""What travels on the doorbell, and how a listener knows it missed something.

`subscribe` is the way in for whoever wants to follow a mesh from outside.
"""

from meltemi.events.listing import RestListing
from meltemi.events.subscription import Lister, Present, Update, subscribe

__all__ = ["Lister", "Present", "RestListing", "Update", "subscribe"]
