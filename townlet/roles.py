"""Who may call what: the one table of all rpcs. One that is not in it is refused, whoever calls.

    anyone      whoever is let in at all
    member      services of the run; of what a person's or a program's certificate may do it is no part
    viewer      looks on: a token of either role
    operator    steers: a token of role operator

Without `security.tls` nobody shows a certificate, and members are not told from others; without `security.tokens`
nobody is asked for a token.
"""

from typing import Literal

Role = Literal["viewer", "operator"]
Need = Literal["anyone", "member"] | Role


def _rpcs(service: str, need: Need, *methods: str) -> dict[str, Need]:
    return {f"/{service}/{method}": need for method in methods}


NEEDS: dict[str, Need] = {
    **_rpcs(
        "townlet.v1.AdminService",
        "viewer",
        *("Status", "Watch", "ListMembers", "ListVersions", "ShowVersion", "VerifyVersion"),
    ),
    **_rpcs(
        "townlet.v1.AdminService",
        "operator",
        *("Pause", "Resume", "Set", "Checkpoint", "PinVersion", "UnpinVersion", "DeleteVersion", "BranchVersion"),
        *("RestoreVersion", "Drain", "Stop"),
    ),
    **_rpcs("townlet.v1.ControlService", "member", "Join", "Report", "Hold", "EndRound", "Deliver"),
    **_rpcs("townlet.v1.PolicyService", "member", "Subscribe", "Acknowledge"),
    **_rpcs(
        "townlet.v1.ReplayService",
        "member",
        *("OpenProducer", "Append", "CommitRound", "Sample", "Stats", "SetLimiter", "Stay"),
        *("AnnounceVersion", "CutVersion", "AwaitVersion", "EndVersion", "TakeUpVersion"),
    ),
    # A probe has no token, and what reflection tells is in protos/.
    **_rpcs("grpc.health.v1.Health", "anyone", "Check", "List", "Watch"),
    **_rpcs("grpc.reflection.v1alpha.ServerReflection", "anyone", "ServerReflectionInfo"),
}
"""By the rpc's full name."""
