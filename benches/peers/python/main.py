"""Measures one Python peer once: the plan is the argument, as JSON, and so is the answer."""

from __future__ import annotations

import json
import sys

from measure import Figures, Plan, Unable, measure, report


def main() -> None:
    plan = Plan.read(sys.argv[1])
    try:
        report(plan, *measured(plan))
    except Unable as reason:
        skip(plan, str(reason))
    except ModuleNotFoundError as missing:
        skip(plan, f"{plan.peer} is not installed ({missing}): benches/peers/prepare python")


def measured(plan: Plan) -> tuple[str, Figures, str]:
    """The peer's version, its figures and how they came about. A peer's module is loaded for it alone."""
    match plan.peer:
        case "process-pool-executor":
            from standard import Executor as Peer
        case "multiprocessing-pool":
            from standard import Multiprocessing as Peer
        case "loky":
            from reusable import Loky as Peer
        case "livekit-proc-pool":
            import livekit_pool

            return (livekit_pool.VERSION, *livekit_pool.measure(plan))
        case other:
            raise SystemExit(f"no peer {other!r} in Python")
    return (Peer.version, *measure(Peer(), plan))


def skip(plan: Plan, reason: str) -> None:
    print(json.dumps({"peer": plan.peer, "what": plan.what, "skipped": reason}))


if __name__ == "__main__":
    main()
