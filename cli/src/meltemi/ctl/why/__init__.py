"""``meltemi why``: what became of one request, from what each proxy logged of it."""
