#!/usr/bin/env node
// Serves the built page on loopback, with the header that GitHub-like static hosts cannot set, and an example beside it.
//
//   node scripts/serve.mjs [EXAMPLE] [--port N]     then open the address it prints

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const TYPES = {
  ".cbor": "application/cbor",
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".woff2": "font/woff2",
};

// As in the page itself, and what only a header can say.
const HEADERS = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; font-src 'self'; img-src 'self'; " +
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "Cache-Control": "no-store",
};

/** Folders by the first part of the path; the page is all the rest. */
export async function serve({ example, port = 0, folders = {} } = {}) {
  const roots = { ...folders, ...(example ? { demo: example } : {}) };
  const server = createServer(async (request, response) => {
    try {
      const path = normalize(decodeURIComponent(new URL(request.url, "http://x").pathname));
      const [, first, ...rest] = path.split("/");
      const folder = Object.hasOwn(roots, first) ? roots[first] : join(ROOT, "www/dist");
      const inside = Object.hasOwn(roots, first) ? rest.join("/") : path === "/" ? "index.html" : path;
      const body = await readFile(join(folder, inside));
      response.writeHead(200, { ...HEADERS, "Content-Type": TYPES[extname(inside)] ?? "application/octet-stream" });
      response.end(body);
    } catch {
      response.writeHead(404, HEADERS);
      response.end("there is no such file\n");
    }
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const words = process.argv.slice(2);
  const at = words.indexOf("--port");
  const port = at < 0 ? 8780 : Number(words.splice(at, 2)[1]);
  const example = words[0];
  const { url } = await serve({ example, port });
  console.log(`open ${url}${example ? "?demo" : ""}   (stop with Ctrl-C)`);
}
