/** Loud: an attestation that AWS did not make. */

import type { Report } from "assay-verifier";
import { el } from "../dom.js";
import { mark } from "./icons.js";

export function warning(report: Report): readonly Node[] {
  const roots = report.loosened.filter((word) => word.includes("accept_root_other_than_aws"));
  if (roots.length === 0) return [];
  const said = [...roots, ...report.trust.map((line) => line.assumption)];
  const development = said.some((text) => text.includes("development attester"));
  return [
    mark("warning", 28),
    el("div", {},
      el("h2", {}, development ? "Development attester: not AWS" : "Not AWS"),
      el("p", {},
        development
          ? "This was not attested by Nitro hardware. Software on an ordinary machine signed it, with a root that your policy names. Whoever holds that root's key can attest anything."
          : "Your policy accepts attestations from a root that is not AWS's. Whoever holds that root's key can attest anything."),
      ...roots.map((word) => el("p", { class: "small" }, el("code", {}, word)))),
  ];
}
