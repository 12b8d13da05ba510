// What the benchmark needs beside Node: its npm packages, wrk and taskset.

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Installs what is missing and says so; throws a sentence when it cannot. */
export function prepare() {
  if (process.platform !== "linux") throw new Error("reads processor times from /proc, so it needs Linux");
  if (availableParallelism() < 2) throw new Error("needs two cores: one for the server, one for the load");
  if (!packagesInstalled()) {
    console.log("bench: installing its npm packages (once)");
    execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: here, stdio: "inherit" });
  }
  needTool("taskset", "util-linux");
  needTool("wrk", "wrk");
}

function packagesInstalled() {
  const wanted = Object.entries(JSON.parse(readFileSync(`${here}package.json`, "utf8")).dependencies);
  return wanted.every(([name, version]) => installedVersion(name) === version);
}

/** The version of a package in bench/node_modules, or nothing. */
export function installedVersion(name) {
  try {
    return JSON.parse(readFileSync(`${here}node_modules/${name}/package.json`, "utf8")).version;
  } catch {
    return undefined;
  }
}

function needTool(tool, debianPackage) {
  if (isThere(tool)) return;
  if (isThere("apt-get") && process.getuid() === 0) {
    console.log(`bench: installing ${tool} (Debian package ${debianPackage}, once)`);
    for (const words of [["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", debianPackage]]) {
      spawnSync("apt-get", words, { stdio: "inherit" });
    }
  }
  if (!isThere(tool)) throw new Error(`needs ${tool}: apt-get install ${debianPackage}`);
}

function isThere(tool) {
  return spawnSync("sh", ["-c", `command -v ${tool}`]).status === 0;
}
