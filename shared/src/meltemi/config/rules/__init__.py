"""What must hold for an object to be safe to translate, kind by kind."""
