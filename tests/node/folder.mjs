// Folders for tests: in the system's place for them, and gone with the process.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders = [];
process.once("exit", () => folders.forEach((folder) => rmSync(folder, { recursive: true })));

/** A new, empty folder. */
export function temporary() {
  const folder = mkdtempSync(join(tmpdir(), "assay-"));
  folders.push(folder);
  return folder;
}
