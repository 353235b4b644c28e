// Debian's chromium, driven by playwright-core. Installed if it is missing and we may.

import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--no-first-run",
];

export async function launch() {
  return chromium.launch({ executablePath: find() ?? install(), args: FLAGS });
}

/** $CHROMIUM, else the first of its usual names on the path. */
function find() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const folders = (process.env.PATH ?? "").split(delimiter);
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(executable);
}

function executable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function install() {
  const apt = (...words) =>
    spawnSync("apt-get", words, { stdio: ["ignore", 2, 2], env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } }).status === 0;
  if (process.getuid?.() === 0) {
    console.error("chromium: apt-get install chromium");
    const done = apt("install", "-y", "-q", "chromium") || (apt("update", "-q") && apt("install", "-y", "-q", "chromium"));
    const path = done && find();
    if (path) return path;
  }
  throw new Error("chromium is missing: run `apt-get install chromium`, or set CHROMIUM to a Chromium or Chrome");
}
