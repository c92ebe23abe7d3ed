"""Requests to workloads with policies, and what each of the policies makes of them."""

from __future__ import annotations

from meltemi.testkit.matrix import (
    CLOSED,
    LOCAL,
    NONE,
    OUTSIDE,
    PARTNER,
    STRANGER,
    Row,
    refused,
)
from meltemi.testkit.matrix_tokens import TOKENS

FROM_CLIENT = "x-forwarded-for: 203.0.113."
FRIENDLY = "default/friendly[0]"


MUTUAL_TLS = [
    Row("PERMISSIVE takes plain text", OUTSIDE, "plain"),
    Row("PERMISSIVE takes mutual TLS", "alpha", "plain"),
    Row("PERMISSIVE takes bytes in the clear", OUTSIDE, "plain", 9000, tcp=True),
    Row("PERMISSIVE takes bytes in mutual TLS", "gamma", "plain", 9000, tcp=True),
    Row("a STRICT port of a PERMISSIVE workload", OUTSIDE, "plain", 8001, CLOSED),
    Row("a STRICT port takes mutual TLS", "alpha", "plain", 8001),
    Row("a STRICT port of bytes", OUTSIDE, "plain", 9001, CLOSED, tcp=True),
    Row("a STRICT port of bytes takes mutual TLS", "alpha", "plain", 9001, tcp=True),
    Row("a DISABLE port takes plain text", OUTSIDE, "plain", 8002),
    Row("a sidecar calls a DISABLE port in the clear", "alpha", "plain", 8002),
    Row("a DISABLE port takes no TLS", LOCAL, "plain", 8002, CLOSED),
    Row("STRICT for a namespace", OUTSIDE, "strict", expected=CLOSED),
    Row("the same from another namespace", "gamma", "strict"),
    Row("the same for bytes", OUTSIDE, "strict", 9000, CLOSED, tcp=True),
    Row("the same bytes by mutual TLS", "beta", "strict", 9000, tcp=True),
    Row("UNSET inherits from the namespace", OUTSIDE, "ajar", expected=CLOSED),
    Row("a PERMISSIVE port of a STRICT workload", OUTSIDE, "ajar", 8001),
    Row("a port that is UNSET inherits", OUTSIDE, "ajar", 8002, CLOSED),
    Row("STRICT for a workload", OUTSIDE, "hard", expected=CLOSED),
    Row("STRICT for a workload takes mutual TLS", "beta", "hard"),
    Row("an alias of the trust domain is trusted", PARTNER, "hard"),
    Row("another trust domain is not", STRANGER, "hard", expected=CLOSED),
    Row("STRICT for the mesh", OUTSIDE, "bare", expected=CLOSED),
    Row("the same on the next port", OUTSIDE, "bare", 8001, CLOSED),
    Row("STRICT for the mesh takes mutual TLS", LOCAL, "bare"),
    Row("without the alias the domain is strange", PARTNER, "bare", expected=CLOSED),
]
SOURCES = [
    Row("a principal", "alpha", "names", path="/principal"),
    refused(Row("not this principal", "beta", "names", path="/principal")),
    refused(Row("nobody known", OUTSIDE, "names", path="/principal")),
    Row("a principal by its domain's alias", PARTNER, "names", path="/principal"),
    Row("a principal named by the alias", "beta", "names", path="/alias"),
    refused(Row("not the one named by the alias", "alpha", "names", path="/alias")),
    Row("a trust domain", PARTNER, "names", path="/domain"),
    refused(Row("not this trust domain", "alpha", "names", path="/domain")),
    Row("a namespace by prefix", "gamma", "names", path="/namespace"),
    refused(Row("not this namespace", "alpha", "names", path="/namespace")),
    Row("an account of the policy's namespace", "beta", "names", path="/account"),
    Row("an account of another namespace", "gamma", "names", path="/account"),
    refused(Row("not this account", "alpha", "names", path="/account")),
    refused(Row("notPrincipals by suffix", "alpha", "names", path="/not-principal")),
    Row("notPrincipals lets others", "gamma", "names", path="/not-principal"),
    refused(Row("notNamespaces", "gamma", "names", path="/not-namespace")),
    Row("notNamespaces lets others", "alpha", "names", path="/not-namespace"),
    Row("ipBlocks", "alpha", "names", path="/address"),
    refused(Row("not these ipBlocks", "beta", "names", path="/address")),
    Row(
        "remoteIpBlocks",
        OUTSIDE,
        "names",
        path="/client",
        headers=(f"{FROM_CLIENT}9",),
    ),
    refused(
        Row(
            "notRemoteIpBlocks",
            OUTSIDE,
            "names",
            path="/client",
            headers=(f"{FROM_CLIENT}7",),
        )
    ),
    refused(Row("not these remoteIpBlocks", OUTSIDE, "names", path="/client")),
    Row("anyone who is known", "gamma", "names", path="/anyone"),
    refused(Row("nobody who is not known", OUTSIDE, "names", path="/anyone")),
    Row("conditions on who asks", "alpha", "names", path="/when-source"),
    refused(Row("notValues of a condition", "beta", "names", path="/when-source")),
    refused(Row("one of the conditions fails", "gamma", "names", path="/when-source")),
    Row("conditions on domain and client", PARTNER, "names", path="/when-domain"),
    refused(Row("not this domain of a condition", LOCAL, "names", path="/when-domain")),
    Row("a condition on the account", "beta", "names", path="/when-account"),
    refused(
        Row("the root namespace's policy, everywhere", "alpha", "plain", path="/never"),
        "istio-system/never[0]",
    ),
    refused(
        Row("the root namespace's policy, by label", "alpha", "hard", path="/nor-here"),
        "istio-system/never-hard[0]",
    ),
    refused(
        Row("a namespace's policy", "alpha", "strict", path="/locked"),
        "locked/never[0]",
    ),
    Row("but not in another namespace", "alpha", "hard", path="/locked"),
    Row("but not for other labels", "alpha", "plain", path="/nor-here"),
]
OPERATIONS = [
    Row("a host", OUTSIDE, "asks", path="/host", host="ONE.example"),
    Row("a host by suffix", OUTSIDE, "asks", path="/host", host="a.wild.example"),
    refused(Row("not this host", OUTSIDE, "asks", path="/host")),
    Row("a method", "alpha", "asks", path="/method", method="PUT"),
    refused(Row("not this method", "alpha", "asks", path="/method")),
    Row("notMethods lets others", "alpha", "asks", path="/not-method"),
    refused(Row("notMethods", "alpha", "asks", path="/not-method", method="POST")),
    Row("a path by prefix", "alpha", "asks", path="/begins/a?b=c"),
    refused(Row("notPaths", "alpha", "asks", path="/begins/but/not")),
    refused(
        Row(
            "notPaths of a path with dots", "alpha", "asks", path="/begins/x/../but/not"
        )
    ),
    Row("a path by suffix", "alpha", "asks", path="/it/ends"),
    refused(Row("a suffix is not within", "alpha", "asks", path="/it/ends/not")),
    Row("a template of one part", "alpha", "asks", path="/one/1/part"),
    refused(Row("two parts are not one", "alpha", "asks", path="/one/1/2/part")),
    Row("a template of any parts", "alpha", "asks", path="/any/1/2"),
    Row("a port, and any path", "alpha", "asks", 8001, path="/whatever"),
    refused(Row("not this port", "alpha", "asks", path="/whatever")),
    refused(Row("notPorts", "alpha", "asks", path="/not-port")),
    refused(
        Row("notHosts of a DENY", OUTSIDE, "asks", 8001, host="x.example"),
        "default/asks-never[2]",
    ),
    Row(
        "a header by prefix",
        "alpha",
        "asks",
        path="/header",
        headers=("x-team: green",),
    ),
    refused(
        Row(
            "not this header",
            "alpha",
            "asks",
            path="/header",
            headers=("x-team: grey",),
        )
    ),
    refused(Row("no such header", "alpha", "asks", path="/header")),
    Row(
        "a header that is there",
        "alpha",
        "asks",
        path="/present",
        headers=("x-team: any",),
    ),
    refused(Row("a header that is not there", "alpha", "asks", path="/present")),
    Row("a server name", "alpha", "asks", path="/sni"),
    refused(Row("no server name", OUTSIDE, "asks", path="/sni")),
    Row("an address and a port", OUTSIDE, "asks", path="/destination"),
    Row(
        "what a filter left behind",
        "alpha",
        "asks",
        path="/dry",
        by="default/asks-dry[0]",
    ),
    Row("what an AUDIT notes", "alpha", "asks", path="/audited", noted=True),
    Row("a path that is open", "alpha", "asks", path="/open"),
    refused(
        Row(
            "DENY by method before ALLOW",
            "alpha",
            "asks",
            path="/open",
            method="DELETE",
        ),
        "default/asks-never[0]",
    ),
    refused(
        Row("DENY by path before ALLOW", "alpha", "asks", path="/secret/plans"),
        "default/asks-never[1]",
    ),
    refused(Row("no rules allow nothing", "alpha", "shut")),
    refused(
        Row("a provider nobody knows", "alpha", "shut", path="/unknown"),
        "default/shut-unknown[0]",
    ),
    Row(
        "a service is asked and agrees",
        "alpha",
        "checked",
        path="/checked",
        headers=("x-verdict: yes",),
        sure=False,
        by="default/checked[0]",
        seen=(("x-checked", "checks"),),
    ),
    refused(
        Row(
            "a service is asked and refuses",
            "alpha",
            "checked",
            path="/checked",
            sure=False,
        ),
        "default/checked[0]",
    ),
    Row("a service is not asked of other paths", "alpha", "checked", path="/free"),
    Row("an HTTP service is not asked of bytes", "alpha", "checked", 9000, tcp=True),
    Row("gRPC is asked of requests", "alpha", "friendly", by=FRIENDLY, sure=False),
    refused(Row("and refuses", "beta", "friendly", sure=False), FRIENDLY),
    Row(
        "gRPC is asked of bytes",
        *("alpha", "friendly", 9000),
        by=FRIENDLY,
        tcp=True,
        sure=False,
    ),
    refused(
        Row("and refuses bytes", "beta", "friendly", 9000, tcp=True, sure=False),
        FRIENDLY,
        CLOSED,
    ),
    Row("gRPC is not asked at other ports", "beta", "friendly", 9001, tcp=True),
]
BYTES = [
    Row("a principal for bytes", "alpha", "bytes", 9000, tcp=True),
    refused(
        Row("not this principal for bytes", "beta", "bytes", 9000, tcp=True),
        NONE,
        CLOSED,
    ),
    refused(
        Row("nobody known for bytes", OUTSIDE, "bytes", 9000, tcp=True), NONE, CLOSED
    ),
    refused(
        Row("a method makes an ALLOW narrower", "alpha", "bytes", 9001, tcp=True),
        NONE,
        CLOSED,
    ),
    refused(
        Row("a path makes a DENY wider", "alpha", "bytes", 9002, tcp=True),
        "default/bytes-never[0]",
        CLOSED,
    ),
    refused(
        Row("DENY by namespace for bytes", "gamma", "bytes", 9003, tcp=True),
        "default/bytes-never[1]",
        CLOSED,
    ),
    Row("but not for another namespace", "alpha", "bytes", 9003, tcp=True),
    Row("a request on a port of any protocol", "alpha", "bytes", 9100),
    refused(
        Row("bytes on a port of any protocol", "alpha", "bytes", 9100, tcp=True),
        NONE,
        CLOSED,
    ),
    refused(Row("another method there", "alpha", "bytes", 9100, method="POST")),
]
ROWS = [*MUTUAL_TLS, *SOURCES, *OPERATIONS, *TOKENS, *BYTES]
