"""``meltemi bug-report``: what a mesh was like, in one file that holds no secret."""
