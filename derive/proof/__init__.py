"""The proof of the derived equations: symbolic for one step, numeric in 50 digits for the unrolled whole."""

from derive.proof.findings import Finding, ProofResult
from derive.proof.identities import prove

__all__ = ["Finding", "ProofResult", "prove"]
