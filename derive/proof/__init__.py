"""The proof of the derived equations: exact for one step, in 50 digits for the unrolled whole."""

from derive.proof.equality import TermEquality
from derive.proof.findings import Finding, ProofResult
from derive.proof.identities import prove
from derive.proof.interpreter import Trajectory, run
from derive.proof.unrolled import unrolled

__all__ = [
    "Finding",
    "ProofResult",
    "TermEquality",
    "Trajectory",
    "prove",
    "run",
    "unrolled",
]
