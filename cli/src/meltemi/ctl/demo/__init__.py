"""The bookinfo demo: four applications that know nothing of the mesh, and its YAML.

They lie in the package, so that an installed ``meltemi up --demo`` finds them.
"""
