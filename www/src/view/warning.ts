/** Loud: an attestation that AWS did not make, by the evidence that held. */

import type { Report } from "assay-verifier";
import { el } from "../dom.js";
import { mark } from "./icons.js";
import { broken } from "./trust.js";

/** Whose attestations held: nobody's where none was examined, or none held. What a policy would accept is no evidence. */
export function attester(report: Report): "aws-or-none" | "development" | "other" {
  const roots = foreign(report);
  if (roots.length === 0) return "aws-or-none";
  return roots.some((root) => root.startsWith("not AWS: development attester")) ? "development" : "other";
}

export function warning(report: Report): readonly Node[] {
  const whose = attester(report);
  if (whose === "aws-or-none") return [];
  return [
    mark("warning", 28),
    el("div", {},
      el("h2", {}, whose === "development" ? "Development attester: not AWS" : "Not AWS"),
      el("p", {},
        whose === "development"
          ? "This was not attested by Nitro hardware. Software on an ordinary machine signed it, with a root that your policy names. Whoever holds that root's key can attest anything."
          : "This was attested under a root that is not AWS's, and that your policy names. Whoever holds that root's key can attest anything."),
      ...foreign(report).map((root) => el("p", { class: "small" }, ...broken(root)))),
  ];
}

/** What the trust bill says of roots that are not AWS's. */
function foreign(report: Report): readonly string[] {
  return [...new Set(report.trust.map((line) => line.assumption).filter((text) => text.startsWith("not AWS")))];
}
