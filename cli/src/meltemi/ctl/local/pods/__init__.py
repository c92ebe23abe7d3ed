"""Applications in network namespaces of their own, without root.

::

    host ──door──▶ pod reviews-v1 ─┐
                   pod ratings-v1 ─┼─ bridge, in a user namespace of ours
    host ◀─door─── pod gateway ────┘

A socket stays in the network namespace it was made in, whoever holds it. So the doors
are sockets that one process made and another accepts on: what comes to 127.0.0.1 of
this machine is passed on to 127.0.0.1 of a pod, and the other way round.
"""
