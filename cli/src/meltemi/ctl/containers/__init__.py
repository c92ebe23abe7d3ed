"""What a mesh in containers is given: keys, users, tokens, its first objects."""
